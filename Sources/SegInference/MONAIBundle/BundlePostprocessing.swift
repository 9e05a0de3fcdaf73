internal import SegCore
internal import SegImaging

/// A bundle's postprocessing chain, read into a `MaskPlan`.
struct BundlePostprocessing {
    private let document: BundleDocument
    /// The preprocessing chain that `Invertd` has to invert.
    private let preprocessing: ConfigValue
    /// The entries that `Invertd` may give as `orig_keys`. Empty if `Invertd` would not invert every step; nil if the
    /// preprocessing could not be read.
    private let items: [String]?
    private var reader: MaskPlanReader
    /// Whether the network is VISTA3D, whose output is made into the numbers of its classes.
    private let isPrompted: Bool
    private var isSaved = false
    private var isResampled = false
    /// Whether VISTA3D's output has been made into the numbers of its classes.
    private var isNumbered = false

    /// Reads the mask plan of a chain.
    /// - Throws: `DataError` naming what is not supported.
    static func plan(
        _ chain: ConfigValue, id: String, _ document: BundleDocument, inverting preprocessing: ConfigValue,
        of items: [String]?, isPrompted: Bool, reader: MaskPlanReader
    ) throws -> MaskPlan {
        var chained = BundlePostprocessing(
            document: document, preprocessing: preprocessing, items: items, isPrompted: isPrompted, reader: reader)
        let faults = FaultList(source: document.source, key: id)
        let components = try BundleComponent.chain(chain, id: id, document, faults)
        // Steps after a refused step are not read: the only reason to refuse them could be that this step is missing.
        faults.part {
            for component in components {
                if chained.isSaved { try chained.checkIsNotSaving(component) } else { try chained.add(component) }
            }
        }
        try faults.finishPart()
        let plan = try chained.reader.finished(ConfigReader(.object([:]), path: id, source: document.source))
        guard plan.restoration != .none || chained.reader.keepsGrid || !chained.isResampled else {
            throw document.error(
                id,
                "has no Invertd, but SaveImaged resamples the mask (resample is true by default), which is not "
                    + "supported; add an Invertd, or set resample to false for masks on the network's grid")
        }
        return plan
    }

    private init(
        document: BundleDocument, preprocessing: ConfigValue, items: [String]?, isPrompted: Bool, reader: MaskPlanReader
    ) {
        self.document = document
        self.preprocessing = preprocessing
        self.items = items
        self.isPrompted = isPrompted
        self.reader = reader
    }

    private mutating func add(_ component: BundleComponent) throws {
        switch component.name {
        case "SaveImaged": try save(component)
        case "EnsureTyped", "ToTensord", "CastToTyped":
            let reader = try component.arguments(of: "pred", ignoring: ["data_type", "device", "wrap_sequence"])
            try reader.expect("dtype", "float32")
            try reader.expect("track_meta", true)
            try reader.finish()
        case "ToDeviced": try component.arguments(of: "pred", ignoring: ["device", "non_blocking"]).finish()
        case _ where isPrompted: try addPrompted(component)
        default: try addStep(component)
        }
    }

    /// Reads a step after VISTA3D. Other steps would count classes, but MONAI's mask already holds the numbers of classes.
    private mutating func addPrompted(_ component: BundleComponent) throws {
        switch component.name {
        case BundlePrompt.postTransform where !isNumbered:
            try component.arguments(of: "pred").finish()
            // The network's channel 0 is the background's logit, 0.
            try reader.add("AsDiscrete", ConfigReader(["argmax": true], path: component.id, source: document.source))
            isNumbered = true
        case "Invertd" where isNumbered: try addStep(component)
        case "Lambdad" where isNumbered:
            let arguments = try component.arguments(of: "pred", ignoring: ["inv_func", "track_meta"])
            try arguments.expect("overwrite", true)
            try arguments.expect("func", .string(BundleExpression.fillsNaN), default: .null)
            try arguments.finish()
        default:
            throw component.unsupported(
                isNumbered
                    ? ["Invertd", "Lambdad with the func \(BundleExpression.fillsNaN)", "SaveImaged"]
                    : ["\(BundlePrompt.postTransform) directly after VISTA3D"])
        }
    }

    private mutating func addStep(_ component: BundleComponent) throws {
        let name = component.name.hasSuffix("d") ? String(component.name.dropLast()) : ""
        guard MaskPlanReader.classes.contains(name) else {
            throw component.unsupported(MaskPlanReader.classes.map { $0 + "d" } + ["SaveImaged"])
        }
        let ignored =
            name == "Invert"
            ? ["transform", "device", "meta_keys", "orig_meta_keys", "meta_key_postfix", "to_tensor"] : []
        let arguments = try component.arguments(
            of: "pred", ignoring: ignored,
            perKey: ["nearest_interp", "argmax", "to_onehot", "threshold", "rounding", "sigmoid", "softmax", "other"])
        if name == "Invert" { try checkInvert(component, arguments) }
        try reader.add(name, arguments)
        try arguments.finish()
    }

    private func checkInvert(_ component: BundleComponent, _ arguments: ConfigReader) throws {
        let keys = arguments.value("orig_keys")
        guard let items else { return }
        guard !items.isEmpty else {
            throw arguments.error(
                "orig_keys",
                "is one entry, but the grid is changed both before and after ConcatItemsd, and MONAI inverts only one "
                    + "part; put all steps that change the grid on one side of ConcatItemsd")
        }
        guard items.contains(where: { keys == .string($0) || keys == [.string($0)] }) else {
            let names = items.map { "\"\($0)\"" }.joined(separator: " or ")
            throw arguments.error("orig_keys", "should be \(names), whose preprocessing is inverted")
        }
        guard let transform = component.entry("transform"),
            try document.followed(transform, id: component.id) == preprocessing
        else {
            throw document.error(component.id + "::transform", "should be the preprocessing of the image")
        }
    }

    /// Refuses a second `SaveImaged` of the prediction: MONAI overwrites the first file, or writes two masks.
    private func checkIsNotSaving(_ component: BundleComponent) throws {
        guard component.name == "SaveImaged", let entry = component.entry("keys") else { return }
        let keys = try document.resolved(entry, id: component.id)
        let names: [ConfigValue] = if case .array(let items) = keys { items } else { [keys] }
        guard names.contains("pred") else { return }
        throw document.error(component.id, "a second SaveImaged of 'pred' is not supported; keep only one of them")
    }

    /// Reads `SaveImaged`, which saves the mask; later steps other than another `SaveImaged` do not change the saved file.
    private mutating func save(_ component: BundleComponent) throws {
        let arguments = try component.arguments(
            of: "pred",
            ignoring: [
                "meta_keys", "meta_key_postfix", "output_dir", "output_postfix", "output_ext", "mode", "padding_mode",
                "dtype", "output_dtype", "data_root_dir", "separate_folder", "print_log", "output_format", "writer",
                "output_name_formatter", "folder_layout", "savepath_in_metadict",
            ])
        // MONAI writes every key into one file, whose name is that of the scan; the last one remains.
        if case .array(let keys)? = arguments.value("keys"), keys.last != .string("pred") {
            throw arguments.error(
                "keys", "should end with \"pred\", because MONAI overwrites its file with that of each key after it")
        }
        try arguments.expect("squeeze_end_dims", true)
        guard arguments.value("scale") == nil else {
            throw arguments.error("scale", "is not supported; a mask holds class numbers")
        }
        isResampled = try arguments.bool("resample") ?? true
        try arguments.finish()
        isSaved = true
    }
}
