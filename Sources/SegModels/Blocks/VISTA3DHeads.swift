internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

/// The logits of the classes of a prompt, as products of features with embeddings of the classes:
/// `monai.networks.nets.vista3d.ClassMappingClassify`.
struct VISTA3DClassHead {
    private let first: Linear
    private let norm: Norm
    private let second: Linear
    private let embeddings: Parameter
    private let blocks: [UnetBlock]
    private let channels: Int
    private let classes: [Int]

    /// Registers `mlp`, `class_embeddings` and `image_post_mapping`.
    init(_ store: ParameterStore, _ options: VISTA3DOptions) throws {
        (channels, classes) = (options.features, options.classes)
        let perceptron = store.scope("mlp")
        first = try Linear(perceptron.scope("0"), inputs: channels, outputs: channels, bias: true)
        // MONAI's InstanceNorm1d of one channel takes the statistics of an embedding, as a layer norm does.
        norm = try Norm(
            perceptron.scope("1"), channels: channels,
            BlockOptions.NormOption(params: NormParams(kind: .layer, epsilon: 1e-5), affine: false, momentum: 0))
        second = try Linear(perceptron.scope("3"), inputs: channels, outputs: channels, bias: true)
        embeddings = try store.scope("class_embeddings").parameter(
            "weight", [VISTA3DOptions.embeddingCount, channels], .normal(sd: 1))
        let block = UnetBlockOptions(norm: .instance(), isResidual: true)
        blocks = try (0..<2).map {
            try UnetBlock(
                store.scope("image_post_mapping").scope("\($0)").scope("layer"), inputs: options.features,
                outputs: options.features, BlockGeometry(), block)
        }
    }

    /// **Shapes**: x `[N, D, H, W, channels]`, result `[N, D, H, W, 1 + classes]`; channel 0 is 0.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let features = try blocks.reduce(x) { y, block in
            try context.recomputing([y]) { try block($0[0], in: $1) }
        }
        return try linear(features, weight: weight(in: context), bias: nil)
    }

    /// Returns the factors of the features: zeros for the background, then the mapped embedding of each class.
    private func weight(in context: ForwardContext) throws -> Tensor {
        var followers = NormFollowers()
        followers.activation = .gelu
        let hidden = try norm(first(chosen(in: context), in: context), followers: followers, in: context)
        let mapped = try reshape(second(hidden, in: context), [1, classes.count * channels])
        let background = try Tensor(
            [Float](repeating: 0, count: channels), shape: [1, channels], on: mapped.backend)
        return try reshape(concatenate([background, mapped]), [1 + classes.count, channels])
    }

    /// Returns the embeddings of the prompt's classes, as a product with a matrix of zeros and ones.
    private func chosen(in context: ForwardContext) throws -> Tensor {
        let count = VISTA3DOptions.embeddingCount
        let rows = classes.flatMap { number in (0..<count).map { Float($0 == number ? 1 : 0) } }
        let table = embeddings.tensor(in: context)
        let choice = try Tensor(rows, shape: [classes.count, count], on: table.backend)
        return try linear(choice, weight: transposeColumns(table), bias: nil)
    }
}

/// The weights with which VISTA3D answers points, `monai.networks.nets.vista3d.PointMappingSAM`. A file of VISTA3D has them,
/// but a prompt of classes does not use them.
enum VISTA3DPointHead {
    /// Registers MONAI's parameters under MONAI's names.
    /// - Parameter channels: The number of channels of the encoder's features.
    static func register(_ store: ParameterStore, channels: Int) throws {
        let points = PointWeights(store, channels: channels)
        try points.convolution("feat_downsample.0", channels)
        try points.convolution("feat_downsample.3", channels)
        try points.convolution("mask_downsample", 2)
        for layer in 0..<2 { try points.attentionBlock("transformer.layers.\(layer)") }
        try points.attention("transformer.final_attn_token_to_image", inner: channels / 2)
        try points.norm("transformer.norm_final_attn")
        _ = try points.scope("pe_layer").buffer(
            "positional_encoding_gaussian_matrix", [3, channels / 2], .normal(sd: 1))
        for name in [
            "point_embeddings.0", "point_embeddings.1", "not_a_point_embed", "special_class_embed", "mask_tokens",
        ] { try points.embedding(name, count: 1) }
        try points.convolution("output_upscaling.0", channels)
        try points.convolution("output_upscaling.3", channels)
        for layer in 0..<3 { try points.linear("output_hypernetworks_mlps.layers.\(layer)", channels, channels) }
        try points.embedding("class_embeddings", count: VISTA3DOptions.embeddingCount)
        try points.embedding("zeroshot_embed", count: 1)
        try points.embedding("supported_embed", count: 1)
    }
}

/// Registers the layers of the point head by their dotted names.
private struct PointWeights {
    private let store: ParameterStore
    private let channels: Int

    init(_ store: ParameterStore, channels: Int) { (self.store, self.channels) = (store, channels) }

    func scope(_ name: String) -> ParameterStore { store.scope(name) }

    func convolution(_ name: String, _ width: Int) throws {
        _ = try Conv3d(scope(name), inputs: width, outputs: width, .same(kernel: 3, stride: 1), bias: true)
    }

    func linear(_ name: String, _ inputs: Int, _ outputs: Int) throws {
        _ = try Linear(scope(name), inputs: inputs, outputs: outputs, bias: true)
    }

    func norm(_ name: String) throws {
        _ = try Norm(
            scope(name), channels: channels,
            BlockOptions.NormOption(params: NormParams(kind: .layer, epsilon: 1e-5), affine: true, momentum: 0))
    }

    func embedding(_ name: String, count: Int) throws {
        _ = try scope(name).parameter("weight", [count, channels], .normal(sd: 1))
    }

    /// `Attention` with projections to `inner` channels.
    func attention(_ name: String, inner: Int) throws {
        for part in ["q_proj", "k_proj", "v_proj"] { try linear("\(name).\(part)", channels, inner) }
        try linear("\(name).out_proj", inner, channels)
    }

    /// `TwoWayAttentionBlock`.
    func attentionBlock(_ name: String) throws {
        try attention("\(name).self_attn", inner: channels)
        try norm("\(name).norm1")
        try attention("\(name).cross_attn_token_to_image", inner: channels / 2)
        try norm("\(name).norm2")
        try linear("\(name).mlp.linear1", channels, 512)
        try linear("\(name).mlp.linear2", 512, channels)
        try norm("\(name).norm3")
        try norm("\(name).norm4")
        try attention("\(name).cross_attn_image_to_token", inner: channels / 2)
    }
}
