public import SegBackend
public import SegModels

/// Everything but the weights that a prediction needs: the `model.json` of a model folder.
public struct ModelDescription: Hashable, Sendable {
    /// Which network, as MONAI would name it.
    public var network: NetworkDefinition
    /// What is done to a scan before the network sees it.
    public var preprocessing: Preprocessing
    /// Extents of a window.
    public var roiSize: Triple
    /// Share of a window that its neighbour repeats.
    public var overlap: Double
    /// Weights of overlapping windows.
    public var mode: WindowPlan.Blending
    /// Names of the classes, by number; class 0 is the background.
    public var labels: [Int: String]

    /// Describes a model.
    public init(
        network: NetworkDefinition, preprocessing: Preprocessing, roiSize: Triple, overlap: Double,
        mode: WindowPlan.Blending, labels: [Int: String]
    ) {
        self.network = network
        self.preprocessing = preprocessing
        self.roiSize = roiSize
        self.overlap = overlap
        self.mode = mode
        self.labels = labels
    }

    /// Reads a `model.json`.
    /// - Throws: `ConfigError` naming the file and the key that is missing, unknown or wrong.
    public init(file path: String) throws {
        try self.init(ConfigReader(ConfigValue(jsonFile: path), path: "", source: path))
    }

    /// Reads the entries of a model from an object that holds nothing else.
    /// - Throws: `ConfigError` naming the key that is missing, unknown or wrong.
    public init(_ reader: ConfigReader) throws {
        self = try Self.entries(of: reader)
        try reader.finish()
    }

    /// Reads the entries of a model from an object that may hold more, such as a training configuration.
    /// - Throws: `ConfigError` naming the key that is missing or wrong.
    public static func entries(of reader: ConfigReader) throws -> ModelDescription {
        let definition = try reader.required("network_def", reader.value("network_def"))
        let roi = try reader.required("roi_size", reader.ints("roi_size"))
        guard roi.count == 3, roi.allSatisfy({ $0 > 0 }) else {
            throw reader.error("roi_size", "should be three positive whole numbers, not \(roi)")
        }
        let overlap = try reader.double("overlap") ?? 0.25
        guard overlap >= 0, overlap < 1 else {
            throw reader.error("overlap", "should be at least 0 and below 1, not \(overlap)")
        }
        let modeName = try reader.string("mode") ?? "constant"
        guard let mode = WindowPlan.Blending(rawValue: modeName) else {
            throw reader.error("mode", "should be constant or gaussian, not '\(modeName)'")
        }
        return ModelDescription(
            network: NetworkDefinition(definition, source: reader.source),
            preprocessing: try Preprocessing(reader.required("preprocessing", reader.object("preprocessing"))),
            roiSize: Triple(roi), overlap: overlap, mode: mode, labels: try Self.labels(reader))
    }

    private static func labels(_ reader: ConfigReader) throws -> [Int: String] {
        guard let value = reader.value("labels") else { return [:] }
        guard case .object(let entries) = value else {
            throw reader.error("labels", "should be an object such as {\"1\": \"spleen\"}, not \(value)")
        }
        var labels: [Int: String] = [:]
        for (key, name) in entries {
            guard let number = Int(key), case .string(let name) = name else {
                throw reader.error("labels", "should map class numbers to names, not '\(key)' to \(name)")
            }
            labels[number] = name
        }
        return labels
    }

    /// The document that `init(file:)` reads.
    public var value: ConfigValue {
        [
            "network_def": network.value, "preprocessing": preprocessing.value,
            "roi_size": .array(roiSize.array.map { .int($0) }), "overlap": .double(overlap),
            "mode": .string(mode.rawValue),
            "labels": .object(Dictionary(uniqueKeysWithValues: labels.map { (String($0), .string($1)) })),
        ]
    }
}

/// What is done to a scan before the network sees it, in MONAI's order: orientation, spacing, intensity, crop.
public struct Preprocessing: Hashable, Sendable {
    /// The window of intensities that becomes 0 to 1 or another range, `ScaleIntensityRange`.
    public struct Intensity: Hashable, Sendable {
        /// Intensity that becomes `bMin`.
        public var aMin: Double
        /// Intensity that becomes `bMax`.
        public var aMax: Double
        /// Lower end of the result.
        public var bMin: Double
        /// Upper end of the result.
        public var bMax: Double
        /// Intensities outside become the ends.
        public var clip: Bool

        /// Makes a window.
        public init(aMin: Double, aMax: Double, bMin: Double, bMax: Double, clip: Bool) {
            self.aMin = aMin
            self.aMax = aMax
            self.bMin = bMin
            self.bMax = bMax
            self.clip = clip
        }
    }

    /// Axis codes the scan is turned to, such as RAS; nil leaves it.
    public var orientation: String?
    /// Voxel extents in mm the scan is resampled to; nil leaves them.
    public var pixdim: [Double]?
    /// The intensity window; nil leaves intensities.
    public var intensity: Intensity?
    /// Crop to the box of voxels above 0.
    public var cropForeground: Bool

    /// Describes a preprocessing.
    public init(orientation: String?, pixdim: [Double]?, intensity: Intensity?, cropForeground: Bool) {
        self.orientation = orientation
        self.pixdim = pixdim
        self.intensity = intensity
        self.cropForeground = cropForeground
    }

    /// Reads the object `preprocessing`.
    /// - Throws: `ConfigError` naming the key that is unknown or wrong.
    public init(_ reader: ConfigReader) throws {
        orientation = try reader.string("orientation")
        pixdim = try reader.doubles("pixdim")
        if let pixdim, pixdim.count != 3 || pixdim.contains(where: { $0 <= 0 }) {
            throw reader.error("pixdim", "should be three positive numbers in mm, not \(pixdim)")
        }
        intensity = try reader.object("intensity").map { try Intensity($0) }
        cropForeground = try reader.bool("crop_foreground") ?? false
        try reader.finish()
    }

    /// The object that `init(_:)` reads.
    public var value: ConfigValue {
        var entries: [String: ConfigValue] = ["crop_foreground": .bool(cropForeground)]
        entries["orientation"] = orientation.map { .string($0) }
        entries["pixdim"] = pixdim.map { .array($0.map { .double($0) }) }
        entries["intensity"] = intensity.map {
            [
                "a_min": .double($0.aMin), "a_max": .double($0.aMax), "b_min": .double($0.bMin),
                "b_max": .double($0.bMax), "clip": .bool($0.clip),
            ]
        }
        return .object(entries)
    }
}

extension Preprocessing.Intensity {
    fileprivate init(_ reader: ConfigReader) throws {
        self.init(
            aMin: try reader.required("a_min", reader.double("a_min")),
            aMax: try reader.required("a_max", reader.double("a_max")),
            bMin: try reader.double("b_min") ?? 0, bMax: try reader.double("b_max") ?? 1,
            clip: try reader.bool("clip") ?? false)
        try reader.finish()
    }
}
