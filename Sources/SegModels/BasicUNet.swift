// Falk et al. 2019, "U-Net: deep learning for cell counting, detection, and morphometry"; MONAI's
// `monai.networks.nets.BasicUNet`.
//
// Shapes with features (32, 32, 64, 128, 256, 32) and a 96³ input:
//   conv_0   96³ ×   1 → 96³ ×  32                 upcat_1   48³ ×  32 → 96³ ×  32, with conv_0: 96³ ×  64 → 32
//   down_1   96³ ×  32 → 48³ ×  32, pooled         upcat_2   24³ ×  64 → 48³ ×  32, with down_1: 48³ ×  64 → 32
//   down_2   48³ ×  32 → 24³ ×  64, pooled         upcat_3   12³ × 128 → 24³ ×  64, with down_2
//   down_3   24³ ×  64 → 12³ × 128, pooled         upcat_4    6³ × 256 → 12³ × 128, with down_3
//   down_4   12³ × 128 →  6³ × 256, pooled         final_conv 96³ × 32 → 96³ × classes
// Each stage is two convolutions of 3³ with norm, dropout and activation.
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.BasicUNet`.
public struct BasicUNetOptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The number of channels of the five encoder stages, then of the last decoder stage's output.
    public var features: [Int]
    var block: BlockOptions

    /// Reads MONAI's arguments.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        try reader.requireThreeDimensions("spatial_dims")
        inputChannels = try reader.positive("in_channels") ?? 1
        outputChannels = try reader.positive("out_channels") ?? 2
        features = try reader.channels("features") ?? [32, 32, 64, 128, 256, 32]
        block = BlockOptions(
            activation: try Self.activation(reader), norm: try Self.norm(reader),
            dropout: try BlockOptions.dropout(reader, "dropout"), bias: try reader.bool("bias") ?? true, ordering: "NDA"
        )
        try reader.expect("upsample", "deconv")
        try reader.finish()
        guard features.count == 6 else {
            throw reader.error("features", "should be six numbers of channels, not \(features)")
        }
        if case .group(let groups) = block.norm?.params.kind {
            for count in features where count % groups != 0 {
                throw reader.error("norm", "\(count) channels do not divide into \(groups) groups")
            }
        }
        if let slopes = block.activation?.slopeCount, slopes != 1 {
            throw reader.error("act", "PReLU with num_parameters does not fit stages of different channel counts")
        }
    }

    /// Reads `act`: by default a leaky ReLU with slope 0.1; null means no activation.
    private static func activation(_ reader: ConfigReader) throws -> BlockOptions.ActivationOption? {
        if reader.isNull("act") { return nil }
        guard reader.value("act") != nil else {
            return .leakyReLU(slope: 0.1)
        }
        return try BlockOptions.activation(reader, "act", default: "leakyrelu")
    }

    /// Reads `norm`: by default an instance norm with scale and shift; null means no norm.
    private static func norm(_ reader: ConfigReader) throws -> BlockOptions.NormOption? {
        if reader.isNull("norm") { return nil }
        guard reader.value("norm") != nil else {
            return BlockOptions.NormOption.instance(affine: true)
        }
        return try BlockOptions.norm(reader, "norm", default: "instance")
    }
}

/// A U-Net of five stages with max pooling, with MONAI's parameter names.
public struct BasicUNet: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: BasicUNetOptions
    /// The encoder stages, finest first.
    private let down: [TwoConvolutions]
    /// The decoder stages, coarsest first.
    private let up: [(enlarge: ConvTranspose3d, convs: TwoConvolutions)]
    private let head: Conv3d

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: BasicUNetOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        let features = options.features
        down = try (0..<5).map { level in
            let scope = level == 0 ? store.scope("conv_0") : store.scope("down_\(level)").scope("convs")
            return try TwoConvolutions(
                scope, inputs: level == 0 ? options.inputChannels : features[level - 1], outputs: features[level],
                options.block)
        }
        up = try (1..<5).reversed().map { level in
            // The upsampling of the finest decoder stage keeps the number of channels; the others halve it.
            let wide = level == 1 ? features[1] : features[level] / 2
            let scope = store.scope("upcat_\(level)")
            let doubling = Conv3dParams(
                kernel: Triple(2), stride: Triple(2), padding: Triple(0), dilation: Triple(1), groups: 1)
            let enlarge = try ConvTranspose3d(
                scope.scope("upsample").scope("deconv"), inputs: features[level], outputs: wide, doubling,
                outputPadding: Triple(0), bias: true)
            let convs = try TwoConvolutions(
                scope.scope("convs"), inputs: features[level - 1] + wide,
                outputs: level == 1 ? features[5] : features[level - 1], options.block)
            return (enlarge, convs)
        }
        head = try Conv3d(
            store.scope("final_conv"), inputs: features[5], outputs: options.outputChannels,
            .same(kernel: 1, stride: 1), bias: true)
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// 16, because four stages halve the size.
    public var sizeDivisor: Triple { Triple(16) }
    /// The probability of every dropout of the network.
    public var dropoutProbability: Float { options.block.dropout }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try checkInput(x, "BasicUNet")
        let halving = Pool3dParams(kernel: Triple(2), stride: Triple(2), padding: Triple(0))
        var y = x
        var skips: [Tensor] = []
        for (level, stage) in down.enumerated() {
            y = try context.recomputing([y]) { inputs, context in
                try stage(level == 0 ? inputs[0] : maxPool3d(inputs[0], halving), in: context)
            }
            skips.append(y)
        }
        skips.removeLast()
        for stage in up {
            y = try context.recomputing([y, skips.removeLast()]) { inputs, context in
                try stage.convs(concatenate([inputs[1], stage.enlarge(inputs[0], in: context)]), in: context)
            }
        }
        return try head(y, in: context)
    }
}

/// Two convolutions with norm, dropout and activation, `monai.networks.nets.basic_unet.TwoConv`.
private struct TwoConvolutions {
    private let first: ConvolutionBlock
    private let second: ConvolutionBlock

    /// Registers `conv_0` and `conv_1`.
    init(_ store: ParameterStore, inputs: Int, outputs: Int, _ options: BlockOptions) throws {
        let geometry = BlockGeometry(kernel: Triple(3), stride: Triple(1))
        first = try ConvolutionBlock(store.scope("conv_0"), inputs: inputs, outputs: outputs, geometry, options)
        second = try ConvolutionBlock(store.scope("conv_1"), inputs: outputs, outputs: outputs, geometry, options)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try second(first(x, residual: nil, in: context), residual: nil, in: context)
    }
}
