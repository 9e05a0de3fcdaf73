internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

/// Activation, one or several convolutions, norm: `ActiConvNormBlock` and `P3DActiConvNormBlock`.
struct DiNTSConvolution {
    private let activation: ActivationLayer
    private let convolutions: [Conv3d]
    private let norm: Norm

    /// Registers `acti`, `conv`, `conv_1` if there is a second kernel, and `norm`.
    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, kernel: Triple, then second: Triple? = nil,
        _ activation: BlockOptions.ActivationOption, _ norm: BlockOptions.NormOption
    ) throws {
        self.activation = try ActivationLayer(store.scope("acti"), activation)
        var convolutions = [
            try Conv3d(
                store.scope("conv"), inputs: inputs, outputs: second == nil ? outputs : inputs, .same(kernel: kernel),
                bias: false)
        ]
        if let second {
            convolutions.append(
                try Conv3d(store.scope("conv_1"), inputs: inputs, outputs: outputs, .same(kernel: second), bias: false))
        }
        self.convolutions = convolutions
        self.norm = try Norm(store.scope("norm"), channels: outputs, norm)
    }

    /// **Shapes**: x `[N, D, H, W, inputs]`, result `[N, D, H, W, outputs]`.
    func callAsFunction(_ x: Tensor, consumesInput: Bool = false, in context: ForwardContext) throws -> Tensor {
        var y = try activation(x, consumesInput: consumesInput, in: context)
        for convolution in convolutions { y = try convolution(y, in: context) }
        return try norm(y, followers: .consumingInput, in: context)
    }
}

/// A halving of the size, `FactorizedReduceBlock`: the first half of the output channels is computed from the even
/// voxels, the second half from the odd voxels.
private struct DiNTSReduction {
    private let activation: ActivationLayer
    private let even: Conv3d
    private let odd: Conv3d
    private let norm: Norm

    /// Registers `act`, `conv_1`, `conv_2` and `norm`.
    init(_ store: ParameterStore, inputs: Int, outputs: Int, _ topology: DiNTSTopology) throws {
        activation = try ActivationLayer(store.scope("act"), topology.activation)
        even = try Conv3d(
            store.scope("conv_1"), inputs: inputs, outputs: outputs / 2, .same(kernel: 1), bias: false)
        odd = try Conv3d(
            store.scope("conv_2"), inputs: inputs, outputs: outputs - outputs / 2, .same(kernel: 1), bias: false)
        norm = try Norm(store.scope("norm"), channels: outputs, topology.norm)
    }

    /// **Shapes**: x `[N, D, H, W, inputs]`, result `[N, D / 2, H / 2, W / 2, outputs]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let y = try activation(x, consumesInput: false, in: context)
        let joined = try concatenate([
            even(joinCorners(y, [Triple(0)]), in: context), odd(joinCorners(y, [Triple(1)]), in: context),
        ])
        return try norm(joined, followers: .consumingInput, in: context)
    }
}

/// The layers of a path, `Cell`: resampling to the size of its target depth, then its operations, whose outputs are summed.
struct DiNTSCell {
    private enum Start {
        case reduction(DiNTSReduction)
        case enlargement(DiNTSConvolution)
    }

    private let start: Start?
    /// The operations of the path; nil is the identity.
    private let operations: [DiNTSConvolution?]

    /// Registers `preprocess` and `op.ops`.
    init(_ store: ParameterStore, _ path: DiNTSPath, _ topology: DiNTSTopology) throws {
        let (inputs, channels) = (topology.channels(path.source), topology.channels(path.target))
        let preprocess = store.scope("preprocess")
        if path.source < path.target {
            start = .reduction(try DiNTSReduction(preprocess, inputs: inputs, outputs: channels, topology))
        } else if path.source > path.target {
            start = .enlargement(
                try DiNTSConvolution(
                    preprocess, inputs: inputs, outputs: channels, kernel: Triple(1), topology.activation, topology.norm
                ))
        } else {
            start = nil
        }
        let ops = store.scope("op").scope("ops")
        operations = try path.operations.enumerated().map { index, operation in
            try operation.kernels.map { kernels in
                try DiNTSConvolution(
                    ops.scope("\(index)"), inputs: channels, outputs: channels, kernel: kernels.first,
                    then: kernels.second, topology.activation, topology.norm)
            }
        }
    }

    /// **Shapes**: x `[N, D, H, W, inputs]`, result `[N, D · 2ⁱ, H · 2ⁱ, W · 2ⁱ, channels]` with i = −1, 0 or 1.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let y: Tensor
        switch start {
        case .reduction(let reduction): y = try reduction(x, in: context)
        case .enlargement(let convolution):
            y = try convolution(enlarged(x, to: x.shape.size.zip(Triple(2), *)), consumesInput: true, in: context)
        case nil: y = x
        }
        let outputs = try operations.map { try $0?(y, in: context) ?? y }
        return try outputs.dropFirst().reduce(outputs[0]) { try add($0, $1) }
    }
}

extension DiNTSOperation {
    /// The kernel sizes of the convolutions; nil if there are none.
    fileprivate var kernels: (first: Triple, second: Triple?)? {
        switch self {
        case .skip: nil
        case .cube: (Triple(3), nil)
        case .planeOfDH: (Triple(3, 3, 1), Triple(1, 1, 3))
        case .planeOfDW: (Triple(3, 1, 3), Triple(1, 3, 1))
        case .planeOfHW: (Triple(1, 3, 3), Triple(3, 1, 1))
        }
    }
}

/// The stem from the image to a depth: downsampling, then convolutions.
struct DiNTSStemDown {
    private let factor: Int
    private let first: Conv3d
    private let firstNorm: Norm
    private let second: (activation: ActivationLayer, convolution: Conv3d, norm: Norm)?

    /// Registers `1`, `2` and, with `use_downsample`, `3`, `4`, `5`.
    init(_ store: ParameterStore, depth: Int, _ options: DiNTSOptions) throws {
        factor = 1 << depth
        let filters = options.topology.filters
        first = try Conv3d(
            store.scope("1"), inputs: options.inputChannels, outputs: filters[depth], .same(kernel: 3), bias: false)
        firstNorm = try Norm(store.scope("2"), channels: filters[depth], options.norm)
        guard options.topology.halvesInput else {
            second = nil
            return
        }
        second = (
            try ActivationLayer(store.scope("3"), options.activation),
            try Conv3d(
                store.scope("4"), inputs: filters[depth], outputs: filters[depth + 1], .same(kernel: 3, stride: 2),
                bias: false),
            try Norm(store.scope("5"), channels: filters[depth + 1], options.norm)
        )
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D / 2ᵈ, H / 2ᵈ, W / 2ᵈ, filters]` with d = depth, or depth + 1
    /// with `use_downsample`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let small = factor == 1 ? x : try enlarged(x, to: x.shape.size.zip(Triple(factor), /))
        let y = try first(small, in: context)
        guard let second else { return try firstNorm(y, followers: .consumingInput, in: context) }
        let halved = try second.convolution(firstNorm(y, then: second.activation, in: context), in: context)
        return try second.norm(halved, followers: .consumingInput, in: context)
    }
}

/// The stem from a depth to the next finer one, or to the image's size.
struct DiNTSStemUp {
    private let activation: ActivationLayer
    private let convolution: Conv3d
    private let norm: Norm
    private let factor: Int

    /// Registers `0`, `1` and `2`.
    init(_ store: ParameterStore, depth: Int, _ options: DiNTSOptions) throws {
        let (filters, halvings) = (options.topology.filters, options.topology.stemHalvings)
        let outputs = filters[max(depth - 1 + halvings, 0)]
        activation = try ActivationLayer(store.scope("0"), options.activation)
        convolution = try Conv3d(
            store.scope("1"), inputs: filters[depth + halvings], outputs: outputs, .same(kernel: 3), bias: false)
        norm = try Norm(store.scope("2"), channels: outputs, options.norm)
        factor = depth == 0 && halvings == 0 ? 1 : 2
    }

    /// **Shapes**: x `[N, D, H, W, channels]`, result `[N, 2 · D, 2 · H, 2 · W, outputs]`; the finest depth keeps its
    /// size without `use_downsample`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let activated = try activation(x, consumesInput: false, in: context)
        let y = try norm(convolution(activated, in: context), followers: .consumingInput, in: context)
        return factor == 1 ? y : try enlarged(y, to: y.shape.size.zip(Triple(factor), *))
    }
}

/// Resizes by trilinear interpolation with aligned corners, `torch.nn.Upsample(mode="trilinear", align_corners=True)`.
private func enlarged(_ x: Tensor, to size: Triple) throws -> Tensor {
    try resample3d(x, to: size, Resample3dParams(mode: .trilinear, alignCorners: true))
}
