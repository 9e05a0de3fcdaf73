// Oktay et al. 2018, "Attention U-Net: learning where to look for the pancreas"; MONAI's
// `monai.networks.nets.AttentionUnet`.
//
// Shapes with channels (16, 32, 64), strides (2, 2) and a 96³ input:
//   model.0                  96³ ×  1 → 96³ × 16, two convolutions of 3³
//   model.1.submodule.0      96³ × 16 → 48³ × 32, two convolutions, the first with the stride
//   …submodule.1.submodule   48³ × 32 → 24³ × 64, likewise, the bottom
//   upconv of a level        transposed convolution of the output of the level below: g
//   attention of a level     x · sigmoid(psi(relu(W_x x + W_g g))), one weight per voxel
//   merge of a level         both concatenated, one convolution of 3³
//   model.2                  96³ × 16 → 96³ × classes, 1³
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.AttentionUnet`.
public struct AttentionUnetOptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The number of channels of each level.
    public var channels: [Int]
    /// The stride from each level to the next.
    public var strides: [Triple]
    /// The kernel size of the convolutions.
    public var kernel: Triple
    /// The kernel size of the transposed convolutions.
    public var upKernel: Triple
    /// The probability of every dropout.
    public var dropout: Float

    /// Reads MONAI's arguments.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        try reader.requireThreeDimensions("spatial_dims")
        inputChannels = try reader.required("in_channels", reader.positive("in_channels"))
        outputChannels = try reader.required("out_channels", reader.positive("out_channels"))
        channels = try reader.required("channels", reader.channels("channels"))
        strides = try reader.strides("strides")
        kernel = try reader.triple("kernel_size") ?? Triple(3)
        upKernel = try reader.triple("up_kernel_size") ?? Triple(3)
        dropout = try reader.probability("dropout") ?? 0
        try reader.finish()
        guard channels.count >= 2, channels.dropLast().allSatisfy({ $0 >= 2 }) else {
            throw reader.error(
                "channels", "should be at least two numbers, all but the last at least 2, not \(channels)")
        }
        guard strides.count >= channels.count - 1 else {
            throw reader.error(
                "strides", "should have one entry fewer than channels: \(channels.count - 1), not \(strides.count)")
        }
        strides = Array(strides.prefix(channels.count - 1))
        for (key, size) in [("kernel_size", kernel), ("up_kernel_size", upKernel)]
        where !size.array.allSatisfy({ $0 % 2 == 1 }) {
            throw reader.error(key, "\(size) has no 'same' padding; use odd numbers")
        }
    }

    /// Returns the options of a convolution with batch norm, dropout and ReLU.
    func block(dropout: Float) -> BlockOptions {
        BlockOptions(
            activation: .relu, norm: Self.batchNorm, dropout: dropout,
            bias: true, ordering: "NDA")
    }

    static let batchNorm = BlockOptions.NormOption.batch()
}

/// A U-Net with attention gates on its skip connections, with MONAI's parameter names.
public struct AttentionUnet: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: AttentionUnetOptions
    private let first: AttentionUnetPair
    private let top: AttentionUnetLevel
    private let head: Conv3d

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: AttentionUnetOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        let model = store.scope("model")
        first = try AttentionUnetPair(
            model.scope("0"), inputs: options.inputChannels, outputs: options.channels[0], stride: Triple(1), options)
        top = try AttentionUnetLevel(model.scope("1"), level: 0, options)
        head = try Conv3d(
            model.scope("2").scope("conv"), inputs: options.channels[0], outputs: options.outputChannels,
            .same(kernel: 1, stride: 1), bias: true)
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// The product of the strides along each axis.
    public var sizeDivisor: Triple { options.strides.reduce(Triple(1)) { $0.zip($1, *) } }
    /// The probability of every dropout of the network.
    public var dropoutProbability: Float { options.dropout }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try checkInput(x, "AttentionUnet")
        let y = try context.recomputing([x]) { [first] in try first($0[0], in: $1) }
        return try head(top(y, in: context), in: context)
    }
}

/// Two convolutions, `monai.networks.nets.attentionunet.ConvBlock`.
private struct AttentionUnetPair {
    private let first: ConvolutionBlock
    private let second: ConvolutionBlock

    /// Registers `conv.0` and `conv.1`.
    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, stride: Triple, _ options: AttentionUnetOptions
    ) throws {
        let (scope, block) = (store.scope("conv"), options.block(dropout: options.dropout))
        first = try ConvolutionBlock(
            scope.scope("0"), inputs: inputs, outputs: outputs, BlockGeometry(kernel: options.kernel, stride: stride),
            block)
        second = try ConvolutionBlock(
            scope.scope("1"), inputs: outputs, outputs: outputs,
            BlockGeometry(kernel: options.kernel, stride: Triple(1)), block)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try second(first(x, residual: nil, in: context), residual: nil, in: context)
    }
}

/// A 1³ convolution followed by batch norm.
private struct AttentionUnetGate {
    private let conv: Conv3d
    private let norm: Norm

    /// Registers `0.conv` and `1`.
    init(_ store: ParameterStore, inputs: Int, outputs: Int) throws {
        conv = try Conv3d(
            store.scope("0").scope("conv"), inputs: inputs, outputs: outputs, .same(kernel: 1, stride: 1), bias: true)
        norm = try Norm(store.scope("1"), channels: outputs, AttentionUnetOptions.batchNorm)
    }

    func callAsFunction(_ x: Tensor, followers: NormFollowers, in context: ForwardContext) throws -> Tensor {
        try norm(conv(x, in: context), followers: followers, in: context)
    }
}

/// A level together with all levels below it, `monai.networks.nets.attentionunet.AttentionLayer`.
private final class AttentionUnetLevel {
    private let above: AttentionUnetGate
    private let skip: AttentionUnetGate
    private let weight: AttentionUnetGate
    private let enlarge: ConvolutionBlock
    private let merge: ConvolutionBlock
    private let down: AttentionUnetPair
    private let below: AttentionUnetLevel?

    /// Registers `attention`, `upconv`, `merge` and `submodule`.
    init(_ store: ParameterStore, level: Int, _ options: AttentionUnetOptions) throws {
        let (channels, lower, stride) = (options.channels[level], options.channels[level + 1], options.strides[level])
        let attention = store.scope("attention")
        above = try AttentionUnetGate(attention.scope("W_g"), inputs: channels, outputs: channels / 2)
        skip = try AttentionUnetGate(attention.scope("W_x"), inputs: channels, outputs: channels / 2)
        weight = try AttentionUnetGate(attention.scope("psi"), inputs: channels / 2, outputs: 1)
        enlarge = try ConvolutionBlock(
            store.scope("upconv").scope("up"), inputs: lower, outputs: channels,
            BlockGeometry(kernel: options.upKernel, stride: stride), transposed: true, options.block(dropout: 0))
        // MONAI leaves the norm and the activation of this convolution at their defaults.
        merge = try ConvolutionBlock(
            store.scope("merge"), inputs: 2 * channels, outputs: channels,
            BlockGeometry(kernel: Triple(3), stride: Triple(1)),
            BlockOptions(
                activation: .prelu,
                norm: BlockOptions.NormOption(
                    params: NormParams(kind: .instance, epsilon: 1e-5), affine: false, momentum: 0),
                dropout: options.dropout, bias: true, ordering: "NDA"))
        let isBottom = level + 2 == options.channels.count
        let inner = store.scope("submodule")
        down = try AttentionUnetPair(
            isBottom ? inner : inner.scope("0"), inputs: channels, outputs: lower, stride: stride, options)
        below = isBottom ? nil : try AttentionUnetLevel(inner.scope("1"), level: level + 1, options)
    }

    /// **Shapes**: x and result `[N, D, H, W, channels]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        var lower = try context.recomputing([x]) { [down] in try down($0[0], in: $1) }
        if let below { lower = try below(lower, in: context) }
        return try context.recomputing([x, lower]) { [self] inputs, context in
            let raised = try enlarge(inputs[1], residual: nil, in: context)
            let attended = try attend(inputs[0], to: raised, in: context)
            return try merge(concatenate([attended, raised]), residual: nil, in: context)
        }
    }

    /// Multiplies x by one weight per voxel; `monai.networks.nets.attentionunet.AttentionBlock`.
    private func attend(_ x: Tensor, to raised: Tensor, in context: ForwardContext) throws -> Tensor {
        let fromBelow = try above(raised, followers: .consumingInput, in: context)
        var joined = NormFollowers()
        (joined.activation, joined.residualBefore) = (.relu, fromBelow)
        let gate = try skip(x, followers: joined, in: context)
        var squashed = NormFollowers.consumingInput
        squashed.activation = .sigmoid
        return try multiply(x, weight(gate, followers: squashed, in: context))
    }
}
