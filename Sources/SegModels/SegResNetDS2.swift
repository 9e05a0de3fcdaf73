// The image encoder of VISTA3D (He et al. 2024, "VISTA3D: Versatile Imaging SegmenTation and Annotation model for 3D Computed
// Tomography"); MONAI's `monai.networks.nets.SegResNetDS2`.
//
// The shapes are those of SegResNetDS, with two decoders of the same shape on one encoder:
//   encoder         as in SegResNetDS
//   up_layers       as in SegResNetDS: the decoder for prompts of points
//   up_layers_auto  the same again: the decoder for classes
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.SegResNetDS2`, and the decoder whose output the network has.
public struct SegResNetDS2Options: Hashable, Sendable {
    /// One of the two decoders.
    public enum Branch: Hashable, Sendable {
        /// `up_layers`, the output of `forward(x, with_label=False)`.
        case point
        /// `up_layers_auto`, the output of `forward(x, with_point=False)`.
        case label
    }

    /// The arguments that are those of SegResNetDS.
    public var base: SegResNetDSOptions
    /// The decoder that computes the output.
    public var branch: Branch

    /// Reads MONAI's arguments, and `with_point` and `with_label` of MONAI's `forward`, of which one has to be false.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        let (point, label) = (try reader.bool("with_point") ?? true, try reader.bool("with_label") ?? true)
        guard point != label else {
            throw reader.error(
                "with_point",
                point
                    ? "and with_label are both true by default: SegResNetDS2 then has two outputs, and a model has one; set "
                        + "one of them to false"
                    : "and with_label are both false, so the network has no output; set one of them to true")
        }
        branch = point ? .point : .label
        base = try SegResNetDSOptions(reader)
    }

    init(base: SegResNetDSOptions, branch: Branch) { (self.base, self.branch) = (base, branch) }
}

/// The encoder of SegResNetDS with two decoders, with MONAI's parameter names. One decoder computes the output; the
/// parameters of the other are loaded and saved, but not used.
public struct SegResNetDS2: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: SegResNetDS2Options
    private let encoder: SegResNetDSEncoder
    private let decoder: SegResNetDSDecoder

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: SegResNetDS2Options, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        encoder = try SegResNetDSEncoder(store.scope("encoder"), options.base)
        let point = try SegResNetDSDecoder(store.scope("up_layers"), options.base)
        let label = try SegResNetDSDecoder(store.scope("up_layers_auto"), options.base)
        decoder = options.branch == .point ? point : label
    }

    /// The number of input channels.
    public var inputChannels: Int { options.base.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.base.outputChannels }
    /// The product of all strides except the last, along each axis.
    public var sizeDivisor: Triple { options.base.sizeDivisor }
    /// 0, because the network has no dropout.
    public var dropoutProbability: Float { 0 }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        guard let output = try outputs(x, heads: 1, in: context).first else {
            throw TensorError(op: "SegResNetDS2", "has no head")
        }
        return output
    }

    /// Computes the output and, in training, the outputs of the heads of coarser stages at their own sizes, as in MONAI.
    ///
    /// **Shapes**: x `[N, D, H, W, in]`, results `[N, D', H', W', out]`, the finest first.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        try outputs(x, heads: context.mode == .training ? options.base.headCount : 1, in: context)
    }

    private func outputs(_ x: Tensor, heads: Int, in context: ForwardContext) throws -> [Tensor] {
        try checkInput(x, "SegResNetDS2")
        return try decoder(encoder(x, in: context), heads: heads, in: context)
    }
}
