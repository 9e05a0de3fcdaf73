internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

let swinLayerNorm = BlockOptions.NormOption(
    params: NormParams(kind: .layer, epsilon: 1e-5), affine: true, momentum: 0)

/// The settings of a Swin transformer's blocks.
struct SwinOptions: Hashable, Sendable {
    var window: Triple
    var qkvBias: Bool
    var mlpRatio: Double
    /// The dropout probability after the embedding, projections and perceptrons.
    var dropout: Float
    /// The dropout probability of attention weights.
    var attentionDropout: Float
    /// The stochastic depth probability of the last block; it increases linearly from 0 at the first.
    var pathDropout: Float
    /// Whether the patch embedding is normalised.
    var normalizesPatches: Bool
    /// Whether merging is `mergingv2`, which joins the corners of a box in row-major order.
    var mergesInOrder: Bool

    /// The maximum number of positions in a window, because attention stores a table of all pairs of positions.
    private static let mostTokens = 4096

    init(_ reader: ConfigReader) throws {
        window = try reader.triple("window_size") ?? Triple(7)
        guard window.count <= Self.mostTokens else {
            throw reader.error(
                "window_size", "\(window) has \(window.count) positions, but the maximum is \(Self.mostTokens)")
        }
        qkvBias = try reader.bool("qkv_bias") ?? true
        mlpRatio = try reader.double("mlp_ratio") ?? 4
        guard mlpRatio > 0, mlpRatio <= 64 else {
            throw reader.error("mlp_ratio", "should be above 0 and at most 64, not \(mlpRatio)")
        }
        dropout = try reader.probability("drop_rate") ?? 0
        attentionDropout = try reader.probability("attn_drop_rate") ?? 0
        pathDropout = try reader.probability("dropout_path_rate") ?? 0
        normalizesPatches = try reader.bool("patch_norm") ?? false
        let merging = try reader.string("downsample") ?? "merging"
        guard ["merging", "mergingv2"].contains(merging) else {
            throw reader.error("downsample", "'\(merging)' is not supported; supported: merging, mergingv2")
        }
        mergesInOrder = merging == "mergingv2"
    }

    /// The corners of a 2³ box in the order they are joined. MONAI's first version has a different order, and
    /// trained weights depend on the order.
    var corners: [Triple] {
        let order =
            mergesInOrder
            ? [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]]
            : [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]]
        return order.map { Triple($0) }
    }
}

/// Liu et al. 2021, "Swin Transformer", in 3-D: `monai.networks.nets.swin_unetr.SwinTransformer`.
struct SwinTransformer {
    private let embedding: Conv3d
    private let embeddingNorm: Norm?
    private let dropout: Dropout?
    private let stages: [SwinStage]
    private let stageBlocks: [UnetBlock]
    private let normalizesOutputs: Bool

    /// Registers `patch_embed`, `layers1` … `layers4` and, for version 2, `layers1c` … `layers4c`.
    init(_ store: ParameterStore, _ options: SwinUNETROptions) throws {
        let features = options.featureSize
        let patch = Conv3dParams(
            kernel: Triple(2), stride: Triple(2), padding: Triple(0), dilation: Triple(1), groups: 1)
        let scope = store.scope("patch_embed")
        embedding = try Conv3d(
            scope.scope("proj"), inputs: options.inputChannels, outputs: features, patch, bias: true)
        embeddingNorm =
            options.swin.normalizesPatches
            ? try Norm(scope.scope("norm"), channels: features, swinLayerNorm) : nil
        dropout = Dropout(store, options.swin.dropout, .element)
        let total = options.depths.reduce(0, +)
        stages = try (0..<4).map { stage in
            let before = options.depths.prefix(stage).reduce(0, +)
            let rates = (0..<options.depths[stage]).map {
                total > 1 ? options.swin.pathDropout * Float(before + $0) / Float(total - 1) : 0
            }
            return try SwinStage(
                store.scope("layers\(stage + 1)").scope("0"), channels: features << stage,
                heads: options.heads[stage], pathDropouts: rates, options.swin)
        }
        let plain = UnetBlockOptions(
            norm: BlockOptions.NormOption(
                params: NormParams(kind: .instance, epsilon: 1e-5), affine: false, momentum: 0), isResidual: true)
        stageBlocks = try (0..<(options.hasStageBlocks ? 4 : 0)).map { stage in
            try UnetBlock(
                store.scope("layers\(stage + 1)c").scope("0").scope("layer"), inputs: features << stage,
                outputs: features << stage, BlockGeometry(kernel: Triple(3), stride: Triple(1)), plain)
        }
        normalizesOutputs = options.normalizesOutputs
    }

    /// Computes the patch embedding without its dropout.
    ///
    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D / 2, H / 2, W / 2, features]`.
    func embed(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let y = try embedding(x, in: context)
        return try embeddingNorm.map { try $0(y, followers: NormFollowers(), in: context) } ?? y
    }

    /// Returns the patch embedding and the outputs of the four stages.
    ///
    /// **Shapes**: embedded as the result of `embed`, result i `[N, D / 2ⁱ⁺¹, H / 2ⁱ⁺¹, W / 2ⁱ⁺¹, 2ⁱ · features]`.
    func callAsFunction(embedded: Tensor, in context: ForwardContext) throws -> [Tensor] {
        var y = try dropout(embedded, in: context)
        var outputs = [try normalized(y)]
        for (index, stage) in stages.enumerated() {
            if !stageBlocks.isEmpty { y = try stageBlocks[index](y, in: context) }
            y = try context.recomputing([y]) { try stage($0[0], in: $1) }
            outputs.append(try normalized(y))
        }
        return outputs
    }

    /// Applies layer norm without scale and shift if `normalizesOutputs` is true.
    private func normalized(_ x: Tensor) throws -> Tensor {
        guard normalizesOutputs else { return x }
        return try normActivate(
            x, weight: nil, bias: nil, statistics: .ofInput, swinLayerNorm.params, NormFollowers()
        ).output
    }
}

/// Blocks of one resolution followed by the merging of 2³ boxes, `BasicLayer`.
private struct SwinStage {
    private let blocks: [SwinBlock]
    private let reduction: Linear
    private let norm: Norm
    private let corners: [Triple]
    private let window: Triple
    private let mask = SwinMask()

    /// Registers `blocks` and `downsample`.
    init(
        _ store: ParameterStore, channels: Int, heads: Int, pathDropouts: [Float], _ options: SwinOptions
    ) throws {
        blocks = try pathDropouts.enumerated().map { index, rate in
            try SwinBlock(
                store.scope("blocks").scope("\(index)"), channels: channels, heads: heads, pathDropout: rate, options)
        }
        let scope = store.scope("downsample")
        reduction = try Linear(scope.scope("reduction"), inputs: 8 * channels, outputs: 2 * channels, bias: false)
        norm = try Norm(scope.scope("norm"), channels: 8 * channels, swinLayerNorm)
        corners = options.corners
        window = options.window
    }

    /// **Shapes**: x `[N, D, H, W, C]`, result `[N, D / 2, H / 2, W / 2, 2C]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let plain = SwinWindows(size: x.shape.size, window: window, shifted: false)
        let shifted = SwinWindows(size: x.shape.size, window: window, shifted: true)
        let mask = try shifted.isShifted ? mask.tensor(shifted, on: x.backend) : nil
        var y = x
        for (index, block) in blocks.enumerated() {
            y =
                index % 2 == 0
                ? try block(y, plain, mask: nil, in: context) : try block(y, shifted, mask: mask, in: context)
        }
        let joined = try joinCorners(y, corners)
        return try reduction(norm(joined, followers: NormFollowers(), in: context), in: context)
    }
}
