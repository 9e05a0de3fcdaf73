public import SegBackend
public import SegCore
public import SegNN
internal import Synchronization

/// A `network_def`: the name of a MONAI network and its arguments, as data.
public struct NetworkDefinition: Hashable, Sendable {
    /// The definition as configuration data.
    public let value: ConfigValue
    /// The file that contains the definition, for errors.
    public let source: String

    /// Creates a definition, which is checked when the network is built.
    public init(_ value: ConfigValue, source: String) {
        self.value = value
        self.source = source
    }

    /// A function that builds a network from its arguments and registers its parameters. `arguments.finish()` refuses
    /// arguments that were not read.
    public typealias Builder = @Sendable (_ arguments: ConfigReader, _ store: ParameterStore) throws -> any Network

    /// The builders by class name. `_target_` is only looked up here; nothing is evaluated.
    private static let builders: [String: Builder] = [
        "UNet": { try UNet(UNetOptions($0), $1) },
        "VNet": { try VNet(VNetOptions($0), $1) },
        "UNETR": { try UNETR(UNETROptions($0), $1) },
        "SegResNet": { try SegResNet(SegResNetOptions($0), $1) },
        "SegResNetDS": { try SegResNetDS(SegResNetDSOptions($0), $1) },
        "SegResNetDS2": { try SegResNetDS2(SegResNetDS2Options($0), $1) },
        "vista3d132": { try VISTA3D(VISTA3DOptions($0), $1) },
        "BasicUNet": { try BasicUNet(BasicUNetOptions($0), $1) },
        "AttentionUnet": { try AttentionUnet(AttentionUnetOptions($0), $1) },
        "DynUNet": { try DynUNet(DynUNetOptions($0), $1) },
        "DiNTS": { try DiNTS(DiNTSOptions($0), $1) },
        "SwinUNETR": { try SwinUNETR(SwinUNETROptions($0), $1) },
        "scripts.networks.unest_base_patch_4.UNesT": { try UNesT(UNesTOptions(isSized: true, $0), $1) },
        "scripts.networks.unest.UNesT": { try UNesT(UNesTOptions(isSized: false, $0), $1) },
        "PlainConvUNet": { try NNUNet(NNUNetOptions(.plain, $0), $1) },
        "ResidualEncoderUNet": { try NNUNet(NNUNetOptions(.residualEncoder, $0), $1) },
        "ResidualUNet": { try NNUNet(NNUNetOptions(.residual, $0), $1) },
    ]

    /// The arguments that may be null, which MONAI reads as "none". In MONAI any other null is an error or selects another
    /// default.
    private static let nullable: [String: Set<String>] = [
        "UNet": ["act", "norm", "dropout"], "VNet": ["dropout_prob_down"],
        "SegResNet": ["dropout_prob"], "SegResNetDS": segResNetDS, "SegResNetDS2": segResNetDS,
        "DynUNet": ["filters", "dropout"], "DiNTS": ["node_a"], "PlainConvUNet": nnUNet, "ResidualEncoderUNet": nnUNet,
        "ResidualUNet": nnUNet,
    ]

    private static let segResNetDS: Set<String> = ["blocks_up", "preprocess", "resolution"]

    private static let nnUNet: Set<String> = [
        "norm_op", "norm_op_kwargs", "dropout_op", "dropout_op_kwargs", "nonlin", "nonlin_kwargs",
    ]

    private static let registered = Mutex<[String: Builder]>([:])

    /// Registers a custom network, which configurations, model folders and predictions can then name.
    /// - Parameters:
    ///   - name: The `_target_` of the network, such as `mine.Net`. Registering a name again replaces its network.
    ///   - build: Builds the network from its arguments and registers its parameters in `store`.
    /// - Throws: `DataError` if MedSeg itself has a network of that name.
    public static func register(_ name: String, _ build: @escaping Builder) throws(DataError) {
        let short = shortened(name)
        guard builders[short] == nil else {
            throw DataError(
                .badArgument, name, "is already the name of a network in MedSeg; register yours under another name")
        }
        registered.withLock { $0[short] = build }
    }

    /// Builds the network with newly initialised parameters.
    /// - Throws: `DataError` if the target is unknown, if an argument is unknown, missing or unsupported, or if free
    ///   memory cannot hold the parameters; `BackendError` if the backend has not enough memory.
    public func makeNetwork(on backend: any Backend, seed: UInt64) throws -> any Network {
        try checkFits()
        return try build(into: ParameterStore(backend: backend, seed: seed))
    }

    /// Builds the network with parameters from the store.
    func build(into store: ParameterStore) throws -> any Network {
        let reader = try ConfigReader(value, path: "network_def", source: source)
        let name = try target(reader)
        if let build = Self.registered.withLock({ $0[name] }) { return try build(reader, store) }
        guard let build = Self.builders[name] else {
            let own = Self.registered.withLock { $0.keys.sorted() }
            let names = Self.builders.keys.filter { !Self.classesOfNNUNet.contains($0) }
            throw reader.error(
                "_target_",
                "'\(name)' is not a network MedSeg can build; known: "
                    + (own + [Self.known(names)]).joined(separator: ", "))
        }
        if case .object(let arguments) = value {
            let nulls = arguments.filter { $0.value == .null }.keys.sorted()
            if let null = nulls.first(where: { Self.nullable[name]?.contains($0) != true }) {
                throw reader.error(null, "is null, which \(name) does not accept; leave it out for the default")
            }
        }
        return try build(reader, store)
    }

    /// The network classes of bundles' own code that MedSeg recognises by name; the weights must also fit by name and shape.
    public static let ownClasses: Set<String> = [
        "scripts.networks.unest_base_patch_4.UNesT", "scripts.networks.unest.UNesT",
    ]

    /// Whether MONAI builds the network from the same definition: it is not from a bundle's code, from nnU-Net or registered by a
    /// program, and no argument is one of MONAI's `forward`.
    public var isOfMONAI: Bool {
        guard case .object(let entries) = value, case .string(let target)? = entries["_target_"] else { return false }
        let name = Self.shortened(target)
        return Self.builders[name] != nil
            && [Self.ownClasses, Self.classesOfNNUNet, Self.promptedClasses].allSatisfy { !$0.contains(name) }
    }

    private static let classesOfNNUNet: Set<String> = ["PlainConvUNet", "ResidualEncoderUNet", "ResidualUNet"]

    /// The networks of MONAI whose definition here has arguments of MONAI's `forward`.
    private static let promptedClasses: Set<String> = ["SegResNetDS2", "vista3d132"]

    private static let prefix = "monai.networks.nets."

    /// Returns the network's class without MONAI's module, whichever of MONAI's names for it is given.
    func target(_ reader: ConfigReader) throws -> String {
        Self.shortened(try reader.required("_target_", reader.string("_target_")))
    }

    private static func shortened(_ target: String) -> String {
        let name = target.hasPrefix(prefix) ? String(target.dropFirst(prefix.count)) : target
        return aliases[name] ?? name
    }

    /// The other names that MONAI gives its networks.
    private static let aliases = [
        "Unet": "UNet", "BasicUnet": "BasicUNet", "Basicunet": "BasicUNet", "basicunet": "BasicUNet",
        "DynUnet": "DynUNet", "Dynunet": "DynUNet",
    ]

    /// Lists classes with MONAI's module, for errors.
    static func known(_ names: some Sequence<String>) -> String {
        names.sorted().map { ownClasses.contains($0) ? $0 : prefix + $0 }.joined(separator: ", ")
    }
}
