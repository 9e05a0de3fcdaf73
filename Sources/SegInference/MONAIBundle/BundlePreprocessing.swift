internal import SegCore
internal import SegImaging

/// A bundle's chain of preprocessing transforms, as MedSeg's steps.
struct BundlePreprocessing {
    /// What the chain does.
    var preprocessing: Preprocessing { Preprocessing(steps) }
    private var steps: [PreprocessingStep] = []
    /// How many transforms there were, `LoadImaged` the first of them.
    private var count = 0
    private var hasChannels = false
    private let hasSeveral: Bool

    /// Arguments of MONAI's transforms for dictionaries that may be given for each key.
    private static let perKey = ["mode", "padding_mode", "align_corners", "dtype", "scale_extent", "recompute_affine"]

    /// Reads a chain.
    /// - Parameter channels: How many the network takes; several scans that are read together are its channels.
    /// - Throws: `DataError` naming what is not supported.
    init(_ chain: ConfigValue, id: String, channels: Int, _ document: BundleDocument) throws {
        hasSeveral = channels > 1
        hasChannels = hasSeveral
        let chain = try BundleComponent.chain(chain, id: id, document)
        let faults = FaultList(source: document.source, key: id)
        for component in chain { faults.part { try add(component) } }
        try faults.finishPart()
        guard chain.contains(where: { $0.name == "LoadImaged" }) else {
            throw document.error(id, "has no LoadImaged, so that it loads no scan")
        }
        guard hasChannels else {
            throw document.error(
                id,
                "gives the image no axis of channels, so that MONAI takes its first axis for them; add an "
                    + "EnsureChannelFirstd after LoadImaged")
        }
    }

    private mutating func add(_ component: BundleComponent) throws {
        let reader: ConfigReader
        switch component.name {
        case "LoadImaged":
            reader = try component.arguments(
                of: "image",
                ignoring: [
                    "meta_keys", "meta_key_postfix", "overwriting", "image_only", "simple_keys", "prune_meta_pattern",
                    "prune_meta_sep", "expanduser",
                ])
            guard count == 0 else {
                throw reader.error("_target_", "LoadImaged should come once, before every other transform")
            }
            if try reader.bool("ensure_channel_first") ?? false { hasChannels = true }
            try reader.expect("reader", among: ["NibabelReader", "nibabelreader", "ITKReader", "itkreader"])
            try reader.expect("dtype", "float32")
        case "EnsureChannelFirstd":
            reader = try component.arguments(
                of: "image", ignoring: ["strict_check", "meta_keys", "meta_key_postfix"])
            hasChannels = true
            // Several scans that are read together have an axis of channels already, the first.
            try reader.expect("channel_dim", hasSeveral ? 0 : "no_channel")
        case "EnsureTyped", "ToTensord", "CastToTyped":
            reader = try component.arguments(of: "image", ignoring: ["data_type", "device", "wrap_sequence"])
            try reader.expect("dtype", "float32")
            try reader.expect("track_meta", true)
        default: reader = try addStep(component)
        }
        try reader.finish()
        count += 1
    }

    /// Adds a step that changes the image's grid or values.
    private mutating func addStep(_ component: BundleComponent) throws -> ConfigReader {
        let name = component.name.hasSuffix("d") ? String(component.name.dropLast()) : ""
        guard PreprocessingStep.classes.contains(name) else {
            throw component.unsupported(
                ["LoadImaged", "EnsureChannelFirstd", "EnsureTyped"] + PreprocessingStep.classes.map { $0 + "d" })
        }
        let reader = try component.arguments(of: "image", ignoring: Self.ignored(of: name), perKey: Self.perKey)
        guard hasChannels else {
            throw reader.error(
                "_target_",
                "\(component.name) before EnsureChannelFirstd takes the first axis of the image for its channels; let "
                    + "EnsureChannelFirstd follow LoadImaged")
        }
        if name == "CropForeground" { try reader.expect("source_key", "image") }
        if name == "Lambda" {
            for key in ["inv_func", "track_meta"] { reader.ignore(key) }
            try reader.expect("overwrite", true)
        }
        // Images of one grid are made equal in shape; there is one image here.
        if name == "Spacing" { _ = try reader.bool("ensure_same_shape") }
        steps.append(try PreprocessingStep(class: name, reader))
        return reader
    }

    /// Arguments of a transform for dictionaries that name entries which nothing here reads.
    private static func ignored(of name: String) -> [String] {
        switch name {
        case "CropForeground": ["start_coord_key", "end_coord_key"]
        case "ScaleIntensityRange", "ScaleIntensity", "NormalizeIntensity", "Spacing", "Orientation", "Resize":
            ["meta_keys", "meta_key_postfix"]
        default: []
        }
    }
}
