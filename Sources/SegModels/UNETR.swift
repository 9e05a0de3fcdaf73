// Hatamizadeh et al. 2022, "UNETR: Transformers for 3D Medical Image Segmentation"; MONAI's `monai.networks.nets.UNETR`.
//
// Shapes with img_size 96³, feature size 16, hidden size 768:
//   vit        96³ × 1 → 216 tokens of 768, a patch of 16³ each, reshaped to 6³ × 768; 12 blocks
//   encoder1   the input,      96³ × 1   → 96³ ×  16
//   encoder2   after block 3,   6³ × 768 → 48³ ×  32        decoder2   48³ ×  32 → 96³ × 16, with encoder1: 96³ × 16
//   encoder3   after block 6,   6³ × 768 → 24³ ×  64        decoder3   24³ ×  64 → 48³ × 32, with encoder2: 48³ × 32
//   encoder4   after block 9,   6³ × 768 → 12³ × 128        decoder4   12³ × 128 → 24³ × 64, with encoder3: 24³ × 64
//   vit.norm   after block 11,  6³ × 768                    decoder5    6³ × 768 → 12³ × 128, with encoder4: 12³ × 128
//   out        96³ × 16 → 96³ × classes
// Blocks are numbered from 0. Each position has a learned embedding; therefore the network accepts only windows of img_size.
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.UNETR`.
public struct UNETROptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The size of the windows that the network accepts, multiples of 16.
    public var size: Triple
    /// The number of channels of the finest stage.
    public var featureSize: Int
    /// Whether convolution blocks follow the upsampling steps of the encoders.
    public var hasConvolutionBlocks: Bool
    /// Whether the network processes slices across the last axis one by one (`spatial_dims` 2); patches and kernels have
    /// size 1 along it.
    public var isPlanar: Bool
    var projection: PatchProjection
    var transformer: TransformerOptions
    var block: UnetBlockOptions

    /// The size of a patch.
    var patch: Triple { isPlanar ? Triple(16, 16, 1) : Triple(16) }
    /// The kernel size of the convolutions.
    var kernel: Triple { isPlanar ? Triple(3, 3, 1) : Triple(3) }
    /// The factors of an upsampling step.
    var doubling: Triple { isPlanar ? Triple(2, 2, 1) : Triple(2) }

    /// Reads MONAI's arguments.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        let dimensions = try reader.planarOrSpatial("spatial_dims")
        isPlanar = dimensions == 2
        inputChannels = try reader.required("in_channels", reader.positive("in_channels"))
        outputChannels = try reader.required("out_channels", reader.positive("out_channels"))
        size = try reader.required("img_size", reader.triple("img_size", dimensions: dimensions))
        guard size.d % 16 == 0, size.h % 16 == 0, isPlanar || size.w % 16 == 0 else {
            throw reader.error("img_size", "\(size) should be multiples of the patch size, 16")
        }
        featureSize = try reader.positive("feature_size") ?? 16
        hasConvolutionBlocks = try reader.bool("conv_block") ?? true
        projection = try Self.projection(reader)
        let hidden = try reader.positive("hidden_size") ?? 768
        transformer = TransformerOptions(
            hidden: hidden, mlp: try reader.positive("mlp_dim") ?? 3072,
            heads: try reader.positive("num_heads") ?? 12, layers: 12,
            dropout: try reader.probability("dropout_rate") ?? 0, qkvBias: try reader.bool("qkv_bias") ?? false)
        guard hidden % transformer.heads == 0 else {
            throw reader.error("hidden_size", "\(hidden) should be a multiple of num_heads, \(transformer.heads)")
        }
        block = UnetBlockOptions(
            norm: try BlockOptions.norm(reader, "norm_name", default: "instance"),
            isResidual: try reader.bool("res_block") ?? true)
        if case .group(let groups) = block.norm.params.kind, featureSize % groups != 0 {
            throw reader.error("norm_name", "\(featureSize) channels do not divide into \(groups) groups")
        }
        try reader.expect("save_attn", false)
        try reader.finish()
    }

    /// Reads `proj_type`, which MONAI before 1.2 called `pos_embed`.
    private static func projection(_ reader: ConfigReader) throws -> PatchProjection {
        let old = try reader.string("pos_embed")
        guard let name = try reader.string("proj_type") ?? old else { return .conv }
        guard let projection = PatchProjection(rawValue: name) else {
            throw reader.error("proj_type", "'\(name)' is not supported; supported: conv, perceptron")
        }
        return projection
    }
}

/// A vision transformer as encoder and convolutions as decoder, with MONAI's parameter names.
public struct UNETR: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: UNETROptions
    private let transformer: VisionTransformer
    private let encoder: UnetBlock
    private let upsamplers: [UNETRUpsampler]
    private let decoders: [UnetUpBlock]
    private let head: UnetHead

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: UNETROptions, _ store: ParameterStore) throws {
        self.store = store
        store.isPlanar = options.isPlanar
        self.options = options
        let (features, hidden) = (options.featureSize, options.transformer.hidden)
        transformer = try VisionTransformer(
            store.scope("vit"), inputs: options.inputChannels, size: options.size, patch: options.patch,
            options.projection, options.transformer)
        encoder = try UnetBlock(
            store.scope("encoder1").scope("layer"), inputs: options.inputChannels, outputs: features,
            BlockGeometry(kernel: options.kernel, stride: Triple(1)), options.block)
        upsamplers = try (0..<3).map { index in
            try UNETRUpsampler(
                store.scope("encoder\(index + 2)"), inputs: hidden, outputs: features << (index + 1),
                steps: 2 - index, kernel: options.kernel, doubling: options.doubling,
                hasBlocks: options.hasConvolutionBlocks, options.block)
        }
        decoders = try [(5, hidden, 8), (4, 8 * features, 4), (3, 4 * features, 2), (2, 2 * features, 1)].map {
            number, inputs, factor in
            try UnetUpBlock(
                store.scope("decoder\(number)"), inputs: inputs, outputs: factor * features, kernel: options.kernel,
                upKernel: options.doubling, upBias: false, options.block)
        }
        head = try UnetHead(store.scope("out"), inputs: features, outputs: options.outputChannels, options.block)
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// The only size that the network accepts.
    public var sizeDivisor: Triple { options.size }
    /// The size that the network requires, `img_size`.
    public var requiredSize: Triple? { options.size }
    /// The probability of every dropout of the transformer.
    public var dropoutProbability: Float { options.transformer.dropout }

    /// **Shapes**: x `[N, img_size, in]`, result `[N, img_size, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try self(fromDropout: beforeDropout(x, in: context), in: context)
    }

    /// Computes the patch embedding and the block at full resolution. Neither depends on the transformer's dropout.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        try checkInput(x, "UNETR")
        return [
            try transformer.embed(x, in: context),
            try context.recomputing([x]) { [encoder] in try encoder($0[0], in: $1) },
        ]
    }

    /// **Shapes**: result `[N, img_size, out]`.
    /// - Throws: `TensorError` if `kept` does not fit; `BackendError` from the backend.
    public func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        let tokens = try transformer(embedded: kept[0], keeping: [3, 6, 9], in: context)
        var skips = [kept[1]]
        kept = []
        for (upsampler, kept) in zip(upsamplers, tokens.kept) {
            skips.append(try context.recomputing([kept]) { try upsampler($0[0], in: $1) })
        }
        var y = tokens.last
        for decoder in decoders {
            y = try context.recomputing([y, skips.removeLast()]) { try decoder($0[0], skip: $0[1], in: $1) }
        }
        return try head(y, in: context)
    }
}
