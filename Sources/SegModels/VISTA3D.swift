// He et al. 2024, "VISTA3D: Versatile Imaging SegmenTation and Annotation model for 3D Computed Tomography"; MONAI's
// `monai.networks.nets.vista3d132`, with prompts of classes.
//
// Shapes with encoder_embed_dim 48, K classes and a 128³ input:
//   image_encoder  SegResNetDS2 with blocks_down (1, 2, 2, 4, 4), of which the decoder up_layers_auto: 128³ × 1 → 128³ × 48
//   class_head     image_post_mapping: two residual blocks, 128³ × 48
//                  class_embeddings: 512 × 48, of which the K rows of the prompt; mlp: K × 48
//                  logits: the product of both, 128³ × K
//   point_head     the weights of the answers to points, which are loaded and saved, but not used
// The background comes before the classes, with the logit 0. The largest of these logits is then the class that MONAI's
// `VistaPostTransformd` gives a voxel: the largest one above 0, or else the background.
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.vista3d132`, and the prompt.
public struct VISTA3DOptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of channels of the features at full resolution, a multiple of 8.
    public var features: Int
    /// The numbers of the classes that the network segments.
    public var classes: [Int]
    var encoder: SegResNetDSOptions

    /// The number of class embeddings, `n_classes`.
    static let embeddingCount = 512

    /// Reads MONAI's arguments, and the prompt: `class_vector`, an argument of MONAI's `forward`, as a list of class numbers.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        for key in ["point_coords", "point_labels"] where reader.value(key) != nil {
            throw reader.error(
                key, "is not supported: VISTA3D answers class_vector, a list of class numbers, but no points")
        }
        inputChannels = try reader.positive("in_channels") ?? 1
        features = try reader.positive("encoder_embed_dim") ?? 48
        classes = try reader.required("class_vector", reader.ints("class_vector"))
        try reader.finish()
        guard features % 8 == 0 else {
            throw reader.error("encoder_embed_dim", "should be a multiple of 8, not \(features)")
        }
        guard !classes.isEmpty, Set(classes).count == classes.count,
            classes.allSatisfy((1..<Self.embeddingCount).contains)
        else {
            throw reader.error(
                "class_vector",
                "should be different class numbers from 1 to \(Self.embeddingCount - 1), not \(classes)")
        }
        encoder = try SegResNetDSOptions(
            ConfigReader(
                [
                    "in_channels": .int(inputChannels), "blocks_down": [1, 2, 2, 4, 4], "norm": "instance",
                    "out_channels": .int(features), "init_filters": .int(features), "dsdepth": 1,
                ], path: "network_def", source: reader.source))
    }
}

/// The automatic branch of VISTA3D, which segments the classes of a prompt, with MONAI's parameter names.
public struct VISTA3D: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: VISTA3DOptions
    private let encoder: SegResNetDS2
    private let head: VISTA3DClassHead

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: VISTA3DOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        encoder = try SegResNetDS2(
            SegResNetDS2Options(base: options.encoder, branch: .label), store.scope("image_encoder"))
        head = try VISTA3DClassHead(store.scope("class_head"), options)
        try VISTA3DPointHead.register(store.scope("point_head"), channels: options.features)
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes of the prompt, and one for the background.
    public var outputChannels: Int { options.classes.count + 1 }
    /// 16, because each encoder stage but the last halves the size.
    public var sizeDivisor: Triple { encoder.sizeDivisor }
    /// 0, because the network has no dropout.
    public var dropoutProbability: Float { 0 }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, 1 + classes]`, of which channel 0 is 0 and the others are
    /// MONAI's logits in the order of the prompt.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try checkInput(x, "VISTA3D")
        return try head(encoder(x, in: context), in: context)
    }
}
