public import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// A network that gives every voxel of a patch a logit for each class.
public protocol Network {
    /// Its parameters and buffers, under MONAI's names.
    var store: ParameterStore { get }
    /// Channels of the input, such as 1 for CT.
    var inputChannels: Int { get }
    /// Classes, background included.
    var outputChannels: Int { get }
    /// An input's extents must be multiples of these.
    var sizeDivisor: Triple { get }
    /// The only extents an input may have, where parameters are made for them (UNETR's `img_size`); nil for any.
    var requiredSize: Triple? { get }
    /// The largest probability among its dropouts; 0 where it has none.
    var dropoutProbability: Float { get }

    /// **Shapes**: x `[N, D, H, W, inputChannels]`, result `[N, D, H, W, outputChannels]`.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor

    /// What the layers before the first dropout make of x: the same in every pass of Monte-Carlo dropout.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor]

    /// The rest of a forward pass: `self(fromDropout: beforeDropout(x), …)` is `self(x, …)`, bit for bit.
    /// - Throws: `TensorError` where `kept` does not fit; `BackendError` from the backend.
    func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor

    /// What a loss is taken of: the output and, in training with deep supervision, coarser outputs.
    ///
    /// **Shapes**: as `callAsFunction`, the output first, then the supervising heads from fine to coarse. These are
    /// resized to the output, or keep their own extents, as MONAI gives them.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor]
}

extension Network {
    /// Any extents that `sizeDivisor` allows.
    public var requiredSize: Triple? { nil }

    /// The input itself, for a network that drops out early or whose first layers are not worth keeping.
    public func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] { [x] }

    /// The whole pass, on the input that was kept.
    public func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        try self(kept[0], in: context)
    }

    /// The output alone: most networks have no deep supervision.
    public func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        [try self(x, in: context)]
    }

    /// Refuses an input whose channels or extents the network does not take.
    func checkInput(_ x: Tensor, _ name: String) throws {
        let size = x.shape.rank == 5 ? x.shape.size : Triple(0)
        if let requiredSize, size != requiredSize || x.shape.channels != inputChannels {
            let expected = Shape(batch: 1, size: requiredSize, channels: inputChannels)
            throw TensorError(
                op: name,
                "input \(x.shape) should be \(expected) or a batch of these: this network was made for windows of "
                    + "\(requiredSize) (img_size) only; set roi_size to it")
        }
        guard size.count > 0, size.zip(sizeDivisor, %) == Triple(0), x.shape.channels == inputChannels else {
            throw TensorError(
                op: name,
                "input \(x.shape) should be [N, D, H, W, \(inputChannels)] with D, H, W multiples of \(sizeDivisor)")
        }
    }
}

/// A `network_def`: the name of a MONAI network and its arguments, as data.
public struct NetworkDefinition: Hashable, Sendable {
    /// The document.
    public let value: ConfigValue
    /// The file it stands in, for errors.
    public let source: String

    /// Wraps a definition; it is checked when the network is made.
    public init(_ value: ConfigValue, source: String) {
        self.value = value
        self.source = source
    }

    private typealias Builder = @Sendable (ConfigReader, ParameterStore) throws -> any Network

    /// `_target_` is looked up here; nothing is evaluated.
    private static let builders: [String: Builder] = [
        "UNet": { try UNet(UNetOptions($0), $1) },
        "VNet": { try VNet(VNetOptions($0), $1) },
        "UNETR": { try UNETR(UNETROptions($0), $1) },
        "SegResNet": { try SegResNet(SegResNetOptions($0), $1) },
        "SegResNetDS": { try SegResNetDS(SegResNetDSOptions($0), $1) },
        "BasicUNet": { try BasicUNet(BasicUNetOptions($0), $1) },
        "AttentionUnet": { try AttentionUnet(AttentionUnetOptions($0), $1) },
        "DynUNet": { try DynUNet(DynUNetOptions($0), $1) },
        "SwinUNETR": { try SwinUNETR(SwinUNETROptions($0), $1) },
        "PlainConvUNet": { try NNUNet(NNUNetOptions(.plain, $0), $1) },
        "ResidualEncoderUNet": { try NNUNet(NNUNetOptions(.residualEncoder, $0), $1) },
        "ResidualUNet": { try NNUNet(NNUNetOptions(.residual, $0), $1) },
    ]

    /// Arguments that may be null, which to MONAI means "none". Any other null is an error there, or another default.
    private static let nullable: [String: Set<String>] = [
        "UNet": ["act", "norm", "dropout"], "VNet": ["dropout_prob_down"],
        "SegResNet": ["dropout_prob"], "SegResNetDS": ["blocks_up", "preprocess", "resolution"],
        "DynUNet": ["filters", "dropout"], "PlainConvUNet": nnUNet, "ResidualEncoderUNet": nnUNet,
        "ResidualUNet": nnUNet,
    ]

    private static let nnUNet: Set<String> = [
        "norm_op", "norm_op_kwargs", "dropout_op", "dropout_op_kwargs", "nonlin", "nonlin_kwargs",
    ]

    /// Builds the network with fresh parameters.
    /// - Throws: `DataError` where the target is not in the list, where an argument is unknown, missing or unsupported,
    ///   or where free memory does not hold the parameters; `BackendError` where the backend's memory is short.
    public func makeNetwork(on backend: any Backend, seed: UInt64) throws -> any Network {
        try checkFits()
        return try build(into: ParameterStore(backend: backend, seed: seed))
    }

    /// Builds the network of parameters that the store makes.
    func build(into store: ParameterStore) throws -> any Network {
        let reader = try ConfigReader(value, path: "network_def", source: source)
        let name = try target(reader)
        guard let build = Self.builders[name] else {
            throw reader.error(
                "_target_", "'\(name)' is not a network MedSeg can build; known: \(Self.known(Self.builders.keys))")
        }
        if case .object(let arguments) = value {
            let nulls = arguments.filter { $0.value == .null }.keys.sorted()
            if let null = nulls.first(where: { Self.nullable[name]?.contains($0) != true }) {
                throw reader.error(null, "is null, which \(name) does not take; leave it out for the default")
            }
        }
        return try build(reader, store)
    }

    private static let prefix = "monai.networks.nets."

    /// The network's class, without MONAI's module.
    func target(_ reader: ConfigReader) throws -> String {
        let target = try reader.required("_target_", reader.string("_target_"))
        return target.hasPrefix(Self.prefix) ? String(target.dropFirst(Self.prefix.count)) : target
    }

    /// Classes with MONAI's module, for errors.
    static func known(_ names: some Sequence<String>) -> String {
        names.sorted().map { prefix + $0 }.joined(separator: ", ")
    }
}
