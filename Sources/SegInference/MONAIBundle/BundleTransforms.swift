internal import SegCore
internal import SegImaging
internal import SegModels

/// A bundle's chain of preprocessing transforms, as the steps that MedSeg takes in its fixed order.
struct BundlePreprocessing {
    /// What the chain does.
    private(set) var preprocessing = Preprocessing(
        orientation: nil, pixdim: nil, intensity: nil, cropForeground: false)
    private var done: [(rank: Int, name: String)] = []

    init(_ document: BundleDocument) throws {
        guard let chain = try document.component("preprocessing") ?? document.component("dataset#transform") else {
            throw document.error("preprocessing", "is missing")
        }
        for component in try BundleComponent.chain(chain, id: "preprocessing", document) { try add(component) }
    }

    private mutating func add(_ component: BundleComponent) throws {
        let reader: ConfigReader
        switch component.name {
        case "LoadImaged", "EnsureTyped", "ToTensord": return
        case "EnsureChannelFirstd":
            reader = try component.arguments(ignoring: "strict_check")
            try reader.expect("channel_dim", "no_channel")
        case "Orientationd":
            reader = try component.arguments(ignoring: "lazy")
            try step(0, "Orientationd", reader)
            preprocessing.orientation = try reader.required("axcodes", reader.string("axcodes"))
        case "Spacingd":
            reader = try component.arguments(ignoring: "dtype", "lazy")
            try step(1, "Spacingd", reader)
            try addSpacing(reader)
        case "ScaleIntensityRanged":
            reader = try component.arguments(ignoring: "dtype")
            try step(2, "ScaleIntensityRanged", reader)
            try addIntensity(reader)
        case "CropForegroundd":
            reader = try component.arguments(
                ignoring: "source_key", "start_coord_key", "end_coord_key", "allow_smaller", "lazy")
            try step(3, "CropForegroundd", reader)
            try addCrop(reader)
        default:
            throw component.unsupported(
                "LoadImaged", "EnsureChannelFirstd", "Orientationd", "Spacingd", "ScaleIntensityRanged",
                "CropForegroundd", "EnsureTyped")
        }
        try reader.finish()
    }

    /// Each step may come once, in the order in which MedSeg takes them.
    private mutating func step(_ rank: Int, _ name: String, _ reader: ConfigReader) throws {
        if let last = done.last, last.rank >= rank {
            throw reader.error(
                "_target_",
                "\(name) after \(last.name) is not supported; the order is Orientationd, Spacingd, "
                    + "ScaleIntensityRanged, CropForegroundd, each at most once")
        }
        done.append((rank, name))
    }

    private mutating func addSpacing(_ reader: ConfigReader) throws {
        let pixdim = try reader.required("pixdim", reader.doubles("pixdim"))
        guard pixdim.count == 3, pixdim.allSatisfy({ $0 > 0 }) else {
            throw reader.error("pixdim", "should be three positive numbers in mm, not \(pixdim)")
        }
        preprocessing.pixdim = pixdim
        if case .array(let modes)? = reader.value("mode") {
            guard modes.first == "bilinear" else { throw reader.error("mode", "only bilinear is supported") }
        } else {
            try reader.expect("mode", "bilinear")
        }
        try reader.expect("padding_mode", "border")
        for key in ["diagonal", "align_corners", "scale_extent", "recompute_affine"] { try reader.expect(key, false) }
    }

    private mutating func addIntensity(_ reader: ConfigReader) throws {
        preprocessing.intensity = Preprocessing.Intensity(
            aMin: try reader.required("a_min", reader.double("a_min")),
            aMax: try reader.required("a_max", reader.double("a_max")),
            bMin: try reader.required("b_min", reader.double("b_min")),
            bMax: try reader.required("b_max", reader.double("b_max")), clip: try reader.bool("clip") ?? false)
    }

    private mutating func addCrop(_ reader: ConfigReader) throws {
        try reader.expect("select_fn", BundleExpression.isPositive)
        try reader.expect("margin", 0)
        try reader.expect("k_divisible", 1)
        try reader.expect("mode", "constant")
        preprocessing.cropForeground = true
    }
}

/// What a bundle does with the network's output must be what MedSeg does: softmax, back to the scan's grid, argmax.
enum BundlePostprocessing {
    static func check(_ document: BundleDocument, _ value: ConfigValue) throws {
        var names: [String] = []
        for component in try BundleComponent.chain(value, id: "postprocessing", document) {
            switch component.name {
            case "Activationsd":
                let reader = try component.arguments()
                try reader.expect("softmax", true)
                try reader.expect("sigmoid", false)
            case "Invertd": try component.arguments(ignoring: "transform", "device").expect("nearest_interp", false)
            case "AsDiscreted": try component.arguments().expect("argmax", true)
            case "SaveImaged", "EnsureTyped", "ToTensord": continue
            default: throw component.unsupported("Activationsd", "Invertd", "AsDiscreted", "SaveImaged")
            }
            names.append(component.name)
        }
        guard names == ["Activationsd", "Invertd", "AsDiscreted"] else {
            throw document.error(
                "postprocessing", "should be Activationsd, Invertd, AsDiscreted in this order, not \(names)")
        }
    }
}

/// A component of a bundle: its `_target_` and the arguments as they stand.
struct BundleComponent {
    /// The class, without its module.
    let name: String
    private let target: String
    private let entries: [String: ConfigValue]
    private let id: String
    private let document: BundleDocument

    init(_ value: ConfigValue, id: String, _ document: BundleDocument) throws {
        guard case .object(let entries) = value, case .string(let target)? = entries["_target_"] else {
            throw document.error(id, "should be a component with a _target_, not \(value)")
        }
        self.entries = entries
        self.target = target
        self.id = id
        self.document = document
        name = BundleTarget.name(target)
    }

    /// The transforms of a `Compose`, without those that are `_disabled_`.
    static func chain(_ value: ConfigValue, id: String, _ document: BundleDocument) throws -> [BundleComponent] {
        let compose = try BundleComponent(value, id: id, document)
        guard compose.name == "Compose", case .array(let items)? = compose.entries["transforms"] else {
            throw document.error(id, "should be a Compose of transforms, not '\(compose.target)'")
        }
        return try items.indices.compactMap { index in
            let own = "\(id)::transforms::\(index)"
            guard let value = try document.component(own) else { return nil }
            let component = try BundleComponent(value, id: own, document)
            return component.entries["_disabled_"] == true ? nil : component
        }
    }

    /// The arguments, resolved, but for those that change nothing here and may hold any Python.
    func arguments(ignoring ignored: String...) throws -> ConfigReader {
        let skipped = Set(ignored).union([
            "_target_", "_desc_", "_requires_", "_disabled_", "keys", "allow_missing_keys",
        ])
        let own = entries.filter { !skipped.contains($0.key) }
        return try ConfigReader(document.resolved(.object(own), id: id), path: id, source: document.source)
    }

    /// An error that the class is not one of the supported ones.
    func unsupported(_ supported: String...) -> DataError {
        document.error(id, "'\(target)' is not supported; supported: \(supported.joined(separator: ", "))")
    }
}
