// Hatamizadeh et al. 2022, "Swin UNETR: Swin Transformers for Semantic Segmentation of Brain Tumors in MRI Images";
// MONAI's `monai.networks.nets.SwinUNETR`.
//
// Shapes with feature_size 24, depths (2, 2, 2, 2), num_heads (3, 6, 12, 24) and a 96³ input:
//   patch_embed  96³ × 1 → 48³ × 24
//   layers1      48³ ×  24, 2 blocks → 24³ ×  48       encoder1   the input     96³ ×   1 → 96³ ×  24
//   layers2      24³ ×  48, 2 blocks → 12³ ×  96       encoder2   patch_embed   48³ ×  24
//   layers3      12³ ×  96, 2 blocks →  6³ × 192       encoder3   layers1       24³ ×  48
//   layers4       6³ × 192, 2 blocks →  3³ × 384       encoder4   layers2       12³ ×  96
//                                                      (layers3    6³ × 192 goes into decoder5 as it is)
//                                                      encoder10  layers4        3³ × 384
//   decoder5   3³ × 384 →  6³ × 192    decoder4   6³ × 192 → 12³ × 96    decoder3  12³ × 96 → 24³ × 48
//   decoder2  24³ ×  48 → 48³ ×  24    decoder1  48³ ×  24 → 96³ × 24    out       96³ × 24 → 96³ × classes
// In each pair of blocks, the second attends within windows that are shifted by half their size.
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.SwinUNETR`.
public struct SwinUNETROptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The number of channels of the patch embedding, a multiple of 12.
    public var featureSize: Int
    /// The number of transformer blocks of each of the four stages.
    public var depths: [Int]
    /// The number of attention heads of each of the four stages.
    public var heads: [Int]
    /// Whether a stage's output is normalised before the decoder reads it.
    public var normalizesOutputs: Bool
    /// Whether each stage begins with a residual convolution block (`use_v2`).
    public var hasStageBlocks: Bool
    var swin: SwinOptions
    var block: UnetBlockOptions

    /// Reads MONAI's arguments. `img_size`, `use_checkpoint` and `use_flash_attention` do not change the result.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_", "img_size", "use_checkpoint", "use_flash_attention")
        try reader.requireThreeDimensions("spatial_dims")
        inputChannels = try reader.required("in_channels", reader.positive("in_channels"))
        outputChannels = try reader.required("out_channels", reader.positive("out_channels"))
        featureSize = try reader.positive("feature_size") ?? 24
        depths = try reader.blocks("depths") ?? [2, 2, 2, 2]
        heads = try reader.channels("num_heads") ?? [3, 6, 12, 24]
        normalizesOutputs = try reader.bool("normalize") ?? true
        hasStageBlocks = try reader.bool("use_v2") ?? false
        swin = try SwinOptions(reader)
        block = UnetBlockOptions(
            norm: try BlockOptions.norm(reader, "norm_name", default: "instance"), isResidual: true)
        try reader.expect("patch_size", 2)
        try reader.expect("use_hyena", false)
        try reader.refuse("norm_layer", "hyena_stages")
        reader.ignore(
            "hyena_kernel_size", "hyena_kernel_mlp_dim", "hyena_kernel_layers", "hyena_mask_max_attenuation",
            "hyena_fft_padding", "hyena_grid_type", "hyena_use_chunked_fft", "hyena_use_fft_short_conv",
            "hyena_omega_0", "hyena_l_cache", "hyena_short_conv_fft_chunks")
        try reader.finish()
        try validate(reader)
    }

    private func validate(_ reader: ConfigReader) throws {
        guard featureSize % 12 == 0 else {
            throw reader.error("feature_size", "should be a multiple of 12, not \(featureSize)")
        }
        guard depths.count == 4 else {
            throw reader.error("depths", "should be four positive numbers, not \(depths)")
        }
        guard heads.count == 4, heads.enumerated().allSatisfy({ (featureSize << $0) % $1 == 0 }) else {
            throw reader.error(
                "num_heads", "\(heads) should divide the channels of the four stages, \(featureSize) and its doubles")
        }
        if case .group(let groups) = block.norm.params.kind, featureSize % groups != 0 {
            throw reader.error("norm_name", "\(featureSize) channels do not divide into \(groups) groups")
        }
    }
}

/// A shifted-window transformer as encoder and convolutions as decoder, with MONAI's parameter names.
public struct SwinUNETR: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: SwinUNETROptions
    private let transformer: SwinTransformer
    /// The encoder blocks of the input, the patch embedding, layers1, layers2 and layers4.
    private let encoders: [UnetBlock]
    /// The decoder stages, coarsest first.
    private let decoders: [UnetUpBlock]
    private let head: UnetHead

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: SwinUNETROptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        let features = options.featureSize
        transformer = try SwinTransformer(store.scope("swinViT"), options)
        let sources = [
            (1, options.inputChannels, 1), (2, features, 1), (3, 2 * features, 2), (4, 4 * features, 4),
            (10, 16 * features, 16),
        ]
        encoders = try sources.map { number, inputs, factor in
            try UnetBlock(
                store.scope("encoder\(number)").scope("layer"), inputs: inputs, outputs: factor * features,
                BlockGeometry(kernel: Triple(3), stride: Triple(1)), options.block)
        }
        decoders = try [(5, 16, 8), (4, 8, 4), (3, 4, 2), (2, 2, 1), (1, 1, 1)].map { number, inputs, outputs in
            try UnetUpBlock(
                store.scope("decoder\(number)"), inputs: inputs * features, outputs: outputs * features,
                kernel: Triple(3), upKernel: Triple(2), upBias: false, options.block)
        }
        head = try UnetHead(store.scope("out"), inputs: features, outputs: options.outputChannels, options.block)
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// 32, because the patch embedding and the four stages halve the size.
    public var sizeDivisor: Triple { Triple(32) }
    /// The largest of `drop_rate`, `attn_drop_rate` and `dropout_path_rate`.
    public var dropoutProbability: Float {
        max(options.swin.dropout, options.swin.attentionDropout, options.swin.pathDropout)
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try self(fromDropout: beforeDropout(x, in: context), in: context)
    }

    /// Computes the patch embedding and the block at full resolution. Neither depends on the transformer's dropout.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        try checkInput(x, "SwinUNETR")
        return [try transformer.embed(x, in: context), try encoders[0](x, in: context)]
    }

    /// **Shapes**: result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if `kept` does not fit; `BackendError` from the backend.
    public func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        let stages = try transformer(embedded: kept[0], in: context)
        var skips = [
            kept[1], try encoders[1](stages[0], in: context),
            try encoders[2](stages[1], in: context), try encoders[3](stages[2], in: context), stages[3],
        ]
        var y = try encoders[4](stages[4], in: context)
        for decoder in decoders {
            y = try context.recomputing([y, skips.removeLast()]) { try decoder($0[0], skip: $0[1], in: $1) }
        }
        return try head(y, in: context)
    }
}
