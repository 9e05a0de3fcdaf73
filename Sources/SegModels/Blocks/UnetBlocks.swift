internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

/// The options that the blocks of MONAI's `dynunet_block` share.
struct UnetBlockOptions: Hashable, Sendable {
    var norm: BlockOptions.NormOption
    var activation = BlockOptions.ActivationOption.leakyReLU()
    /// The dropout probability after every convolution.
    var dropout: Float = 0
    /// Whether blocks have a shortcut (`res_block`).
    var isResidual: Bool
    /// Whether convolutions are initialised with `kaiming_normal_(a=0.01)` and biases with 0, instead of PyTorch's defaults.
    var startsKaiming = false
}

/// A convolution with dropout after it, `get_conv_layer` without norm and activation.
struct UnetConvolution {
    private enum Kind {
        case plain(Conv3d)
        case transposed(ConvTranspose3d)
    }

    private let conv: Kind
    private let dropout: Dropout?

    /// Registers `conv`; for kernel size k and stride s, padding p is ⌊(k − s + 1) / 2⌋ and output padding is 2p + s − k.
    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, _ geometry: BlockGeometry, transposed: Bool = false,
        bias: Bool = false, _ options: UnetBlockOptions
    ) throws {
        let params = Self.params(geometry)
        let fan = params.kernel.count * (transposed ? outputs : inputs)
        let initial: InitialValue? = options.startsKaiming ? .kaimingNormal(fanIn: fan, slope: 0.01) : nil
        let scope = store.scope("conv")
        if transposed {
            let outputPadding = params.padding.zip(params.stride) { 2 * $0 + $1 }.zip(params.kernel, -)
            conv = .transposed(
                try ConvTranspose3d(
                    scope, inputs: inputs, outputs: outputs, params, outputPadding: outputPadding, bias: bias,
                    initial: initial))
        } else {
            conv = .plain(
                try Conv3d(scope, inputs: inputs, outputs: outputs, params, bias: bias, initial: initial))
        }
        dropout = Dropout(store, options.dropout, .element)
    }

    static func params(_ geometry: BlockGeometry) -> Conv3dParams {
        Conv3dParams(
            kernel: geometry.kernel, stride: geometry.stride,
            padding: geometry.kernel.zip(geometry.stride) { ($0 - $1 + 1) / 2 }, dilation: Triple(1), groups: 1)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let y =
            switch conv {
            case .plain(let conv): try conv(x, in: context)
            case .transposed(let conv): try conv(x, in: context)
            }
        return try dropout(y, in: context)
    }
}

/// Two convolutions, each normalised and activated: `UnetBasicBlock`, or `UnetResBlock` with a shortcut.
struct UnetBlock {
    private let first: (conv: UnetConvolution, norm: Norm)
    private let second: (conv: UnetConvolution, norm: Norm)
    private let shortcut: (conv: UnetConvolution, norm: Norm)?
    private let activation: ActivationLayer
    private let isResidual: Bool

    /// Registers `conv1`, `conv2`, `lrelu`, `norm1`, `norm2` and, if the size or channels change, `conv3` and `norm3`.
    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, _ geometry: BlockGeometry, _ options: UnetBlockOptions
    ) throws {
        let conv1 = try UnetConvolution(store.scope("conv1"), inputs: inputs, outputs: outputs, geometry, options)
        let conv2 = try UnetConvolution(
            store.scope("conv2"), inputs: outputs, outputs: outputs,
            BlockGeometry(kernel: geometry.kernel, stride: Triple(1)), options)
        activation = try ActivationLayer(store.scope("lrelu"), options.activation)
        first = (conv1, try Norm(store.scope("norm1"), channels: outputs, options.norm))
        second = (conv2, try Norm(store.scope("norm2"), channels: outputs, options.norm))
        isResidual = options.isResidual
        let hasShortcut = isResidual && (inputs != outputs || geometry.stride != Triple(1))
        shortcut =
            hasShortcut
            ? (
                try UnetConvolution(
                    store.scope("conv3"), inputs: inputs, outputs: outputs,
                    BlockGeometry(kernel: Triple(1), stride: geometry.stride), options),
                try Norm(store.scope("norm3"), channels: outputs, options.norm)
            ) : nil
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D / stride, H / stride, W / stride, out]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let y = try second.conv(
            first.norm(first.conv(x, in: context), then: activation, in: context), in: context)
        var followers = activation.followers(in: context)
        if isResidual {
            followers.residualBefore =
                try shortcut.map { try $0.norm($0.conv(x, in: context), followers: .consumingInput, in: context) } ?? x
            followers.consumesResidual = shortcut != nil
        }
        return try second.norm(y, followers: followers, in: context)
    }
}

/// A transposed convolution, then a block on its output concatenated with a skip: `UnetUpBlock`, `UnetrUpBlock`.
struct UnetUpBlock {
    private let up: UnetConvolution
    private let block: UnetBlock

    /// Registers `transp_conv` and `conv_block`.
    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, kernel: Triple, upKernel: Triple, upBias: Bool,
        _ options: UnetBlockOptions
    ) throws {
        up = try UnetConvolution(
            store.scope("transp_conv"), inputs: inputs, outputs: outputs,
            BlockGeometry(kernel: upKernel, stride: upKernel), transposed: true, bias: upBias, options)
        block = try UnetBlock(
            store.scope("conv_block"), inputs: 2 * outputs, outputs: outputs,
            BlockGeometry(kernel: kernel, stride: Triple(1)), options)
    }

    /// **Shapes**: x `[N, D, H, W, in]`, skip and result `[N, D · up, H · up, W · up, out]`.
    func callAsFunction(_ x: Tensor, skip: Tensor, in context: ForwardContext) throws -> Tensor {
        try block(concatenate([up(x, in: context), skip]), in: context)
    }
}

/// The 1³ convolution that computes the logits, `UnetOutBlock`.
struct UnetHead {
    private let conv: UnetConvolution

    /// Registers `conv`.
    init(_ store: ParameterStore, inputs: Int, outputs: Int, _ options: UnetBlockOptions) throws {
        conv = try UnetConvolution(
            store.scope("conv"), inputs: inputs, outputs: outputs,
            BlockGeometry(kernel: Triple(1), stride: Triple(1)), bias: true, options)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor { try conv(x, in: context) }
}
