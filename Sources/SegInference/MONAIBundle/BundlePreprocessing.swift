internal import SegCore
internal import SegImaging

/// A bundle's chain of preprocessing transforms, as the steps that MedSeg takes in its fixed order.
struct BundlePreprocessing {
    /// What the chain does.
    private(set) var preprocessing = Preprocessing(
        orientation: nil, pixdim: nil, intensity: nil, cropForeground: false)
    private var done: [(rank: Int, name: String)] = []
    private var hasChannels = false

    init(_ chain: ConfigValue, id: String, _ document: BundleDocument) throws {
        for component in try BundleComponent.chain(chain, id: id, document) { try add(component) }
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
            try step(0, component.name, reader)
            try reader.expect("reader", among: ["NibabelReader", "nibabelreader", "ITKReader", "itkreader"])
            try reader.expect("dtype", "float32")
            hasChannels = try reader.bool("ensure_channel_first") ?? false
        case "EnsureChannelFirstd":
            reader = try component.arguments(
                of: "image", ignoring: ["strict_check", "meta_keys", "meta_key_postfix"])
            try step(1, component.name, reader)
            try reader.expect("channel_dim", "no_channel")
            hasChannels = true
        case "EnsureTyped", "ToTensord", "CastToTyped":
            reader = try component.arguments(of: "image", ignoring: ["data_type", "device", "wrap_sequence"])
            try reader.expect("dtype", "float32")
            try reader.expect("track_meta", true)
        default: reader = try addStep(component)
        }
        try reader.finish()
    }

    /// Adds a step that changes the image's grid or values.
    private mutating func addStep(_ component: BundleComponent) throws -> ConfigReader {
        let name = component.name
        let reader: ConfigReader
        switch name {
        case "Orientationd":
            reader = try component.arguments(of: "image")
            try step(2, name, reader)
            try reader.expect("as_closest_canonical", false)
            try reader.expect("lazy", false)
            preprocessing.orientation = try reader.required("axcodes", reader.orientation("axcodes"))
        case "Spacingd":
            reader = try component.arguments(of: "image")
            try step(3, name, reader)
            try addSpacing(reader)
        case "ScaleIntensityRanged":
            reader = try component.arguments(of: "image")
            try step(4, name, reader)
            try addIntensity(reader)
        case "CropForegroundd":
            reader = try component.arguments(of: "image", ignoring: ["start_coord_key", "end_coord_key"])
            try step(5, name, reader)
            try addCrop(reader)
        default:
            throw component.unsupported(
                "LoadImaged", "EnsureChannelFirstd", "Orientationd", "Spacingd", "ScaleIntensityRanged",
                "CropForegroundd", "EnsureTyped")
        }
        return reader
    }

    /// Each step may come once, in the order in which MedSeg takes them.
    private mutating func step(_ rank: Int, _ name: String, _ reader: ConfigReader) throws {
        if let last = done.last, last.rank >= rank {
            throw reader.error(
                "_target_",
                "\(name) after \(last.name) is not supported; the order is LoadImaged, EnsureChannelFirstd, "
                    + "Orientationd, Spacingd, ScaleIntensityRanged, CropForegroundd, each at most once")
        }
        done.append((rank, name))
    }

    private mutating func addSpacing(_ reader: ConfigReader) throws {
        preprocessing.pixdim = try reader.required("pixdim", reader.spacing("pixdim"))
        if case .array(let modes)? = reader.value("mode") {
            // One for each of the keys.
            var place = 0
            if case .array(let keys)? = reader.value("keys") { place = keys.firstIndex(of: "image") ?? 0 }
            guard modes.indices.contains(place), modes[place] == "bilinear" else {
                throw reader.error("mode", "only bilinear is supported for the image, not \(ConfigValue.array(modes))")
            }
        } else {
            try reader.expect("mode", "bilinear")
        }
        try reader.expect("padding_mode", "border")
        try reader.expect("dtype", among: ["float64", "float32"])
        for key in ["diagonal", "align_corners", "scale_extent", "recompute_affine", "lazy"] {
            try reader.expect(key, false)
        }
        for key in ["min_pixdim", "max_pixdim"] { try reader.expect(key, .null) }
        // Images of one grid are made equal in shape; there is one image here.
        _ = try reader.bool("ensure_same_shape")
    }

    private mutating func addIntensity(_ reader: ConfigReader) throws {
        try reader.expect("dtype", "float32")
        preprocessing.intensity = Preprocessing.Intensity(
            aMin: try reader.required("a_min", reader.double("a_min")),
            aMax: try reader.required("a_max", reader.double("a_max")),
            bMin: try reader.required("b_min", reader.double("b_min")),
            bMax: try reader.required("b_max", reader.double("b_max")), clip: try reader.bool("clip") ?? false)
    }

    private mutating func addCrop(_ reader: ConfigReader) throws {
        try reader.expect("source_key", "image")
        try reader.expect("select_fn", BundleExpression.isPositive)
        try reader.expect("channel_indices", .null)
        try reader.expect("margin", 0)
        try reader.expect("k_divisible", 1)
        try reader.expect("mode", "constant")
        try reader.expect("lazy", false)
        // A box without a margin lies within the image, whatever is allowed.
        _ = try reader.bool("allow_smaller")
        preprocessing.cropForeground = true
    }
}
