internal import SegCore
internal import SegImaging

/// A bundle's preprocessing chain, read into MedSeg's steps.
struct BundlePreprocessing {
    /// The preprocessing of the chain.
    var preprocessing: Preprocessing { Preprocessing(steps) }
    private var steps: [PreprocessingStep] = []
    /// The number of transforms read so far, `LoadImaged` included.
    private var count = 0
    private var hasChannels = false
    /// Whether the network has several input channels; nil if that is unknown.
    private let hasSeveral: Bool?
    /// The entries that hold the scan. Before a `ConcatItemsd` there may be several, one per channel.
    private var items = ["image"]
    /// The entries that a `ConcatItemsd` joins; empty if there is no such step.
    private var joined: [String] = []
    private var isJoined = false
    private var movesBeforeJoin = false
    private var movesAfterJoin = false

    /// The entries that `Invertd` may give as `orig_keys`: every step that changes the grid was applied to each of them. Empty
    /// if such steps come both before and after a `ConcatItemsd`, because MONAI inverts only the steps applied to one entry.
    var invertible: [String] {
        switch (movesBeforeJoin, movesAfterJoin) {
        case (true, true): []
        case (true, false): joined
        case (false, true): ["image"]
        case (false, false): ["image"] + joined
        }
    }

    /// Arguments of MONAI's dictionary transforms that may have one value per key.
    private static let perKey = ["mode", "padding_mode", "align_corners", "dtype", "scale_extent", "recompute_affine"]

    /// Reads a chain.
    /// - Parameter channels: The number of the network's input channels; if a case has several scans, each is one channel. Nil
    ///   if the network could not be read: the chain is then read only to find what is not supported in it.
    /// - Throws: `DataError` naming what is not supported.
    init(_ chain: ConfigValue, id: String, channels: Int?, _ document: BundleDocument) throws {
        hasSeveral = channels.map { $0 > 1 }
        let faults = FaultList(source: document.source, key: id)
        let chain = try BundleComponent.chain(chain, id: id, document, faults)
        if let concatenation = chain.first(where: { $0.name == Self.concatenation }) {
            faults.part { joined = try Self.items(of: concatenation, channels: channels) }
            // Without it, the `keys` that the other steps should have are unknown.
            try faults.finishPart()
            items = joined
        }
        hasChannels = hasSeveral != false && joined.isEmpty
        for component in chain { faults.part { try add(component) } }
        try faults.finishPart()
        guard chain.contains(where: { $0.name == "LoadImaged" }) else {
            throw document.error(id, "has no LoadImaged, so it loads no scan")
        }
        guard hasChannels else {
            throw document.error(
                id,
                "gives the image no channel axis, so MONAI would use its first axis as channels; add an "
                    + "EnsureChannelFirstd after LoadImaged")
        }
    }

    private static let concatenation = "ConcatItemsd"

    /// The entries that a `ConcatItemsd` joins, in the order of the channels.
    private static func items(of component: BundleComponent, channels: Int?) throws -> [String] {
        let reader = try component.arguments(ignoring: ["allow_missing_keys"])
        let items = try reader.required("keys", reader.strings("keys"))
        let channels = channels ?? items.count
        guard items.count == channels, Set(items).count == channels else {
            throw reader.error("keys", "should name each of the network's \(channels) channels once, not \(items)")
        }
        guard try reader.string("name") == "image" else {
            throw reader.error("name", "should be \"image\", the network's input")
        }
        try reader.expect("dim", 0)
        try reader.finish()
        return items
    }

    /// Adds a transform, which has to treat every entry in the same way.
    private mutating func add(_ component: BundleComponent) throws {
        guard component.name != Self.concatenation else { return try join(component) }
        let before = self
        try add(component, of: items[0])
        for item in items.dropFirst() {
            var other = before
            try other.add(component, of: item)
            guard other.steps == steps else {
                throw try component.arguments().error(
                    "keys", "treats '\(item)' differently from '\(items[0])', which is not supported")
            }
        }
    }

    private mutating func join(_ component: BundleComponent) throws {
        guard !isJoined else {
            throw try component.arguments().error("_target_", "a second ConcatItemsd is not supported")
        }
        guard hasChannels else {
            throw try component.arguments().error(
                "_target_",
                "ConcatItemsd joins entries along their first axis, which is a spatial axis if there is no channel axis; "
                    + "put EnsureChannelFirstd of each entry before it")
        }
        items = ["image"]
        isJoined = true
        steps.append(.concatItems)
        count += 1
    }

    private mutating func add(_ component: BundleComponent, of item: String) throws {
        let reader: ConfigReader
        switch component.name {
        case "LoadImaged":
            reader = try component.arguments(
                of: item,
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
                of: item, ignoring: ["strict_check", "meta_keys", "meta_key_postfix"])
            hasChannels = true
            // Several scans that are read together already have a channel axis, the first.
            if items.count == 1, hasSeveral == nil {
                reader.ignore("channel_dim")
            } else {
                try reader.expect("channel_dim", items.count == 1 && hasSeveral == true ? 0 : "no_channel")
            }
        case BundlePrompt.preTransform:
            reader = try component.arguments(of: item, ignoring: ["subclass", "labels_dict", "special_index"])
        case "EnsureTyped", "ToTensord", "CastToTyped":
            reader = try component.arguments(of: item, ignoring: ["data_type", "device", "wrap_sequence"])
            try reader.expect("dtype", "float32")
            try reader.expect("track_meta", true)
        default: reader = try addStep(component, of: item)
        }
        try reader.finish()
        count += 1
    }

    /// Adds a step that changes the image's grid or values.
    private mutating func addStep(_ component: BundleComponent, of item: String) throws -> ConfigReader {
        let name = component.name.hasSuffix("d") ? String(component.name.dropLast()) : ""
        guard PreprocessingStep.classes.contains(name) else {
            throw component.unsupported(
                ["LoadImaged", "EnsureChannelFirstd", "EnsureTyped"]
                    + PreprocessingStep.classes.map { $0 + "d" })
        }
        let reader = try component.arguments(
            of: item, ignoring: Self.ignored(of: name), perKey: Self.perKey, replacing: replaced(of: name, component))
        guard hasChannels else {
            throw reader.error(
                "_target_",
                "\(component.name) before EnsureChannelFirstd uses the first axis of the image as channels; put "
                    + "EnsureChannelFirstd after LoadImaged")
        }
        if name == "CropForeground" { try reader.expect("source_key", among: items.map(ConfigValue.string)) }
        if name == "Lambda" {
            for key in ["inv_func", "track_meta"] { reader.ignore(key) }
            try reader.expect("overwrite", true)
        }
        // `ensure_same_shape` makes images of one grid equal in shape; there is only one image here.
        if name == "Spacing" { _ = try reader.bool("ensure_same_shape") }
        let step = try PreprocessingStep(class: name, reader)
        guard items.count == 1 || step != .intensityCurve(.sigmoidAboveLeast) else {
            throw reader.error(
                "func", "uses all channels here, but each entry separately in MONAI; put it after ConcatItemsd")
        }
        steps.append(step)
        guard !step.keepsGrid else { return reader }
        if joined.isEmpty || isJoined { movesAfterJoin = true } else { movesBeforeJoin = true }
        return reader
    }

    /// Arguments with which one step on all channels does the same as MONAI's step on each entry.
    private func replaced(of name: String, _ component: BundleComponent) throws -> [String: ConfigValue] {
        guard items.count > 1 else { return [:] }
        switch name {
        case "ScaleIntensity", "ScaleIntensityRangePercentiles": return ["channel_wise": true]
        case "NormalizeIntensity":
            let reader = try component.arguments()
            var replaced: [String: ConfigValue] = ["channel_wise": true]
            for key in ["subtrahend", "divisor"] {
                guard let value = reader.value(key), value != .null else { continue }
                guard value.number != nil else {
                    throw reader.error(key, "should be one number for all of \(items), not \(value)")
                }
                replaced[key] = .array(items.map { _ in value })
            }
            return replaced
        case "CropForeground":
            let reader = try component.arguments()
            guard let source = try reader.string("source_key"), let channel = items.firstIndex(of: source) else {
                throw reader.error("source_key", "should be one of \(items)")
            }
            try reader.expect("channel_indices", .null)
            return ["channel_indices": [.int(channel)]]
        default: return [:]
        }
    }

    /// Arguments of a dictionary transform that name entries which are not read here.
    private static func ignored(of name: String) -> [String] {
        switch name {
        case "CropForeground": ["start_coord_key", "end_coord_key"]
        case "ScaleIntensityRange", "ScaleIntensity", "NormalizeIntensity", "Spacing", "Orientation", "Resize":
            ["meta_keys", "meta_key_postfix"]
        default: []
        }
    }
}
