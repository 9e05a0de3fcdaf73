internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

/// The options that the blocks of nnU-Net's networks share.
struct NNUNetBlockOptions: Hashable, Sendable {
    /// Whether convolutions, including transposed ones, have a bias.
    var bias: Bool
    /// The norm after each convolution of a block; nil for none.
    var norm: BlockOptions.NormOption?
    var activation: BlockOptions.ActivationOption?
    /// The probability of the channelwise dropout before the norm.
    var dropout: Float
}

/// A convolution with dropout, norm and activation, `ConvDropoutNormReLU`.
struct NNUNetConvolution {
    private let conv: Conv3d
    private let dropout: Dropout?
    private let norm: Norm?
    private let activation: ActivationLayer?

    /// Registers `conv` and `norm`; padding is ⌊k / 2⌋.
    /// - Parameters:
    ///   - bias: Whether the convolution has a bias; nil for the value in the options.
    ///   - isActivated: Whether the activation follows.
    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, _ geometry: BlockGeometry, bias: Bool? = nil,
        isActivated: Bool = true, dropsOut: Bool = true, _ options: NNUNetBlockOptions
    ) throws {
        let params = Conv3dParams(
            kernel: geometry.kernel, stride: geometry.stride, padding: geometry.kernel.zip(Triple(2), /),
            dilation: Triple(1), groups: 1)
        conv = try Conv3d(
            store.scope("conv"), inputs: inputs, outputs: outputs, params, bias: bias ?? options.bias,
            initial: .kaimingNormal(fanIn: inputs * params.kernel.count, slope: 0.01))
        dropout = dropsOut ? Dropout(store, options.dropout, .channel) : nil
        norm = try options.norm.map { try Norm(store.scope("norm"), channels: outputs, $0) }
        activation =
            isActivated ? try options.activation.map { try ActivationLayer(store.scope("nonlin"), $0) } : nil
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D / stride, H / stride, W / stride, out]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try finish(conv(x, in: context), residual: nil, then: activation, in: context)
    }

    /// Applies the convolution and adds a residual before `last`, an activation that is not the block's own.
    func callAsFunction(
        _ x: Tensor, residual: Tensor, then last: ActivationLayer?, in context: ForwardContext
    ) throws -> Tensor {
        try finish(conv(x, in: context), residual: residual, then: last, in: context)
    }

    private func finish(
        _ y: Tensor, residual: Tensor?, then activation: ActivationLayer?, in context: ForwardContext
    ) throws -> Tensor {
        let y = try dropout(y, in: context)
        guard let norm else {
            let sum = try residual.map { try add(y, $0) } ?? y
            return try activation.map { try $0(sum, in: context) } ?? sum
        }
        var followers = activation?.followers(in: context) ?? .consumingInput
        followers.residualBefore = residual
        return try norm(y, followers: followers, in: context)
    }
}

/// Two convolutions with a shortcut around them, `BasicBlockD`; if the block has a stride, average pooling downsamples
/// the shortcut. He et al. 2018, "Bag of tricks for image classification" (ResNet-D).
struct NNUNetResidualBlock {
    private let first: NNUNetConvolution
    private let second: NNUNetConvolution
    private let stride: Triple
    private let projection: NNUNetConvolution?
    private let activation: ActivationLayer?

    /// Registers `conv1`, `conv2` and, if the number of channels changes, `skip.0` or, after average pooling, `skip.1`.
    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, _ geometry: BlockGeometry, _ options: NNUNetBlockOptions
    ) throws {
        stride = geometry.stride
        first = try NNUNetConvolution(
            store.scope("conv1"), inputs: inputs, outputs: outputs, geometry, options)
        // Only the first convolution has dropout.
        second = try NNUNetConvolution(
            store.scope("conv2"), inputs: outputs, outputs: outputs,
            BlockGeometry(kernel: geometry.kernel, stride: Triple(1)), isActivated: false, dropsOut: false, options)
        let place = geometry.stride == Triple(1) ? "0" : "1"
        projection =
            inputs == outputs
            ? nil
            : try NNUNetConvolution(
                store.scope("skip").scope(place), inputs: inputs, outputs: outputs,
                BlockGeometry(kernel: Triple(1), stride: Triple(1)), bias: false, isActivated: false, dropsOut: false,
                options)
        activation = try options.activation.map { try ActivationLayer(store.scope("nonlin2"), $0) }
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D / stride, H / stride, W / stride, out]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let averaged = try averagePool(x, stride)
        let residual = try projection.map { try $0(averaged, in: context) } ?? averaged
        return try second(first(x, in: context), residual: residual, then: activation, in: context)
    }
}

/// Computes the mean of each box of voxels, `torch.nn.AvgPool3d(kernel_size=stride)`.
///
/// **Shapes**: x `[N, D, H, W, C]` with a size divisible by the stride, result `[N, D / stride, H / stride, W / stride, C]`.
private func averagePool(_ x: Tensor, _ stride: Triple) throws -> Tensor {
    guard stride != Triple(1) else { return x }
    let (size, channels) = (x.shape.size, x.shape.channels)
    let small = size.zip(stride, /)
    let boxes: Shape = [x.shape.batch, small.d, stride.d, small.h, stride.h, small.w, stride.w, channels]
    let means = try mean(reshape(x, boxes), over: [2, 4, 6])
    return try reshape(means, Shape(batch: x.shape.batch, size: small, channels: channels))
}

/// nnU-Net's `StackedConvBlocks` or `StackedResidualBlocks`: a sequence of convolutions or residual blocks, of which the first
/// has the stride.
struct NNUNetStack {
    private let layers: [any NNUNetLayer]

    /// Registers `convs.0`, …, or `blocks.0`, … for residual blocks.
    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, count: Int, isResidual: Bool, _ geometry: BlockGeometry,
        _ options: NNUNetBlockOptions
    ) throws {
        let store = store.scope(isResidual ? "blocks" : "convs")
        layers = try (0..<count).map { index in
            let (store, inputs) = (store.scope("\(index)"), index == 0 ? inputs : outputs)
            let geometry = BlockGeometry(
                kernel: geometry.kernel, stride: index == 0 ? geometry.stride : Triple(1))
            return isResidual
                ? try NNUNetResidualBlock(store, inputs: inputs, outputs: outputs, geometry, options)
                : try NNUNetConvolution(store, inputs: inputs, outputs: outputs, geometry, options)
        }
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D / stride, H / stride, W / stride, out]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try layers.reduce(x) { try $1($0, in: context) }
    }
}

/// A convolution or a residual block of a stack.
private protocol NNUNetLayer {
    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D / stride, H / stride, W / stride, out]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor
}

extension NNUNetConvolution: NNUNetLayer {}
extension NNUNetResidualBlock: NNUNetLayer {}
