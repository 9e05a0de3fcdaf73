// Yu et al. 2023, "UNesT: Local spatial representation learning with hierarchical transformer for efficient medical
// segmentation": the networks of the model zoo's bundles wholeBrainSeg_Large_UNEST_segmentation and
// renalStructures_UNEST_segmentation. The bundles contain their code: `scripts.networks.unest_base_patch_4.UNesT` and
// `scripts.networks.unest.UNesT`. MedSeg recognises them by these names and by the names and shapes of their weights.
//
// Shapes with feature_size 16, embed_dim (128, 256, 512) and an input of 96³, the only size that the networks accept:
//   patch_embed  96³ ×   1 → 24³ × 128             encoder1   the input     96³ ×   1 → 96³ ×  32
//   levels.0     24³ × 128, 4³ blocks              encoder2   patch_embed   24³ × 128 → 48³ ×  64
//   levels.1     24³ × 128 → 12³ × 256, 2³ blocks  encoder3   levels.0      24³ × 128
//   levels.2     12³ × 256 →  6³ × 512, 1 block    encoder4   levels.1      12³ × 256
//                                                  (levels.2   6³ × 512 goes into decoder5 as it is)
//                                                  encoder10  levels.2       6³ × 512 →  3³ × 1024
//   decoder5   3³ × 1024 →  6³ × 512   decoder4   6³ × 512 → 12³ × 256   decoder3  12³ × 256 → 24³ × 128
//   decoder2  24³ ×  128 → 48³ ×  64   decoder1  48³ ×  64 → 96³ ×  32   out       96³ ×  32 → 96³ × classes
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of the two `UNesT`s.
public struct UNesTOptions: Hashable, Sendable {
    /// The number of classes.
    public var outputChannels: Int
    /// Half the number of channels at full resolution.
    public var featureSize: Int
    /// The number of channels of each of the three levels.
    public var channels: [Int]
    /// The number of transformer layers of each level.
    public var depths: [Int]
    /// The number of attention heads of each level.
    public var heads: [Int]
    var block: UnetBlockOptions

    /// The size of the windows that the position embeddings are made for.
    static let size = Triple(96)
    /// The size of a patch, which becomes a token.
    static let patch = Triple(4)
    /// The size of a block of tokens that attend to each other, at every level.
    static let window = Triple(6)

    /// Reads a bundle's arguments. Arguments that the bundles' classes accept but do not use are ignored.
    /// - Parameter isSized: Whether `embed_dim`, `depths` and `num_heads` are read; the renal bundle's class has fixed values.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(isSized: Bool, _ reader: ConfigReader) throws {
        reader.ignore("_target_", "img_size", "window_size", "conv_block", "dropout_rate")
        guard try reader.int("in_channels") == 1 else {
            throw reader.error("in_channels", "should be 1, because the network accepts only one channel")
        }
        outputChannels = try reader.required("out_channels", reader.positive("out_channels"))
        featureSize = try reader.positive("feature_size") ?? 16
        (channels, depths, heads) = ([128, 256, 512], [2, 2, 8], [4, 8, 16])
        if isSized {
            channels = try reader.channels("embed_dim") ?? channels
            depths = try reader.required("depths", reader.blocks("depths"))
            heads = try reader.required("num_heads", reader.channels("num_heads"))
            guard try reader.required("patch_size", reader.int("patch_size")) == Self.patch.d else {
                throw reader.error("patch_size", "only \(Self.patch.d) fits the decoder")
            }
        } else {
            reader.ignore("depths", "num_heads", "patch_size")
        }
        block = UnetBlockOptions(
            norm: try BlockOptions.norm(reader, "norm_name", default: "instance"),
            isResidual: try reader.bool("res_block") ?? true)
        try reader.finish()
        guard depths.count == 3, heads.count == 3, channels == [8, 16, 32].map({ $0 * featureSize }),
            zip(channels, heads).allSatisfy({ $0 % $1 == 0 })
        else {
            throw reader.error(
                "embed_dim",
                "should be 8, 16 and 32 times feature_size \(featureSize), with three depths and three num_heads that divide "
                    + "them, not \(channels), \(depths) and \(heads)")
        }
    }
}

/// A transformer as encoder, with attention within blocks of tokens, and convolutions as decoder, with the parameter
/// names of the zoo's weights.
public struct UNesT: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: UNesTOptions
    private let transformer: NestTransformer
    /// The encoder blocks of the input and of levels 0 and 1.
    private let encoders: [UnetBlock]
    private let embeddingUp: [UnetConvolution]
    /// The decoder stages, coarsest first.
    private let decoders: [UnetUpBlock]
    private let bottom: ConvolutionBlock
    private let head: UnetHead

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: UNesTOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        let (features, block) = (options.featureSize, options.block)
        transformer = try NestTransformer(store.scope("nestViT"), options)
        func encoder(_ number: Int, _ inputs: Int, _ outputs: Int) throws -> UnetBlock {
            try UnetBlock(
                store.scope("encoder\(number)").scope("layer"), inputs: inputs, outputs: outputs, BlockGeometry(), block
            )
        }
        let first = try encoder(1, 1, 2 * features)
        let up = store.scope("encoder2")
        embeddingUp = [
            try UnetConvolution(
                up.scope("transp_conv_init"), inputs: options.channels[0], outputs: 4 * features,
                BlockGeometry(kernel: 2, stride: 2), transposed: true, block),
            try UnetConvolution(
                up.scope("blocks").scope("0"), inputs: 4 * features, outputs: 4 * features,
                BlockGeometry(kernel: 1, stride: 1), transposed: true, block),
        ]
        encoders = [
            first, try encoder(3, options.channels[0], 8 * features),
            try encoder(4, options.channels[1], 16 * features),
        ]
        decoders = try [(5, 64, 32), (4, 32, 16), (3, 16, 8), (2, 8, 4), (1, 4, 2)].map { number, inputs, outputs in
            try UnetUpBlock(
                store.scope("decoder\(number)"), inputs: inputs * features, outputs: outputs * features, kernel: 3,
                upKernel: 2, upBias: false, block)
        }
        bottom = try ConvolutionBlock(
            store.scope("encoder10"), inputs: 32 * features, outputs: 64 * features,
            BlockGeometry(kernel: 3, stride: 2),
            BlockOptions(ordering: "ADN"))
        head = try UnetHead(store.scope("out"), inputs: 2 * features, outputs: options.outputChannels, block)
    }

    /// The number of input channels.
    public var inputChannels: Int { 1 }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// 32: the patches divide the size by 4; levels 1 and 2 and the bottom stage halve it.
    public var sizeDivisor: Triple { Triple(32) }
    /// 96³, because the position embeddings are learned for it.
    public var requiredSize: Triple? { UNesTOptions.size }
    /// The stochastic depth probability of the last transformer layer.
    public var dropoutProbability: Float { NestTransformer.pathDropout }

    /// **Shapes**: x `[N, 96, 96, 96, 1]`, result `[N, 96, 96, 96, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try checkInput(x, "UNesT")
        let stages = try transformer(x, in: context)
        var skips = [
            try encoders[0](x, in: context), try embeddingUp.reduce(stages.embedded) { try $1($0, in: context) },
            try encoders[1](stages.levels[0], in: context), try encoders[2](stages.levels[1], in: context),
            stages.levels[2],
        ]
        var y = try bottom(stages.normalized, in: context)
        for decoder in decoders {
            y = try context.recomputing([y, skips.removeLast()]) { try decoder($0[0], skip: $0[1], in: $1) }
        }
        return try head(y, in: context)
    }
}
