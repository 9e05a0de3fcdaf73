public import SegBackend
public import SegCore
public import SegImaging
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
    /// What is done to a predicted mask on the scan's grid.
    public var postprocessing = PostProcessing()

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
    /// - Throws: `DataError` naming the file and the key that is missing, unknown or wrong.
    public init(file path: String) throws {
        try self.init(ConfigReader(ConfigValue(jsonFile: path), path: "", source: path))
    }

    /// Reads the entries of a model from an object that holds nothing else.
    /// - Throws: `DataError` naming the key that is missing, unknown or wrong.
    public init(_ reader: ConfigReader) throws {
        self = try Self.entries(of: reader)
        try reader.finish()
    }

    /// Reads the entries of a model from an object that may hold more, such as a training configuration.
    /// - Throws: `DataError` naming the key that is missing or wrong.
    public static func entries(of reader: ConfigReader) throws -> ModelDescription {
        let definition = try reader.required("network_def", reader.value("network_def"))
        let roi = try reader.required("roi_size", reader.ints("roi_size"))
        guard roi.count == 3, roi.allSatisfy({ $0 > 0 }) else {
            throw reader.error("roi_size", "should be three positive whole numbers, not \(roi)")
        }
        guard roi.map(Double.init).reduce(1, *) <= Double(largestWindow) else {
            throw reader.error("roi_size", "\(roi) is more than the \(largestWindow) voxels that a window may have")
        }
        let overlap = try reader.double("overlap") ?? 0.25
        guard overlap >= 0, overlap < 1 else {
            throw reader.error("overlap", "should be at least 0 and below 1, not \(overlap)")
        }
        let modeName = try reader.string("mode") ?? "constant"
        guard let mode = WindowPlan.Blending(rawValue: modeName) else {
            throw reader.error("mode", "should be constant or gaussian, not '\(modeName)'")
        }
        var description = ModelDescription(
            network: NetworkDefinition(definition, source: reader.source),
            preprocessing: try Preprocessing(reader.required("preprocessing", reader.object("preprocessing"))),
            roiSize: Triple(roi), overlap: overlap, mode: mode, labels: try Self.labels(reader))
        if let steps = try reader.object("postprocessing") { description.postprocessing = try PostProcessing(steps) }
        return description
    }

    /// A window of 1 GiB, above which a size is a typing error.
    private static let largestWindow = 1 << 28

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

    /// Channels that the network gives, by its `out_channels`.
    /// - Throws: `DataError` where the definition does not say.
    public var outputChannels: Int {
        get throws {
            let reader = try ConfigReader(network.value, path: "network_def", source: network.source)
            return try reader.required("out_channels", reader.int("out_channels"))
        }
    }

    /// Classes that the network tells apart, background included; a single channel tells two apart.
    /// - Throws: `DataError` where the definition does not say.
    public var classCount: Int {
        get throws { max(2, try outputChannels) }
    }

    /// Builds the network with fresh parameters, made for scans and for windows of `roiSize`.
    /// - Throws: `DataError` where it cannot be built or does not take such windows; `BackendError` where memory is
    ///   short.
    public func makeNetwork(on backend: any Backend, seed: UInt64) throws -> any Network {
        let built = try network.makeNetwork(on: backend, seed: seed)
        guard built.inputChannels == 1 else {
            throw DataError(
                .badData, network.source, key: "network_def.in_channels",
                "should be 1, as a scan has, not \(built.inputChannels)")
        }
        guard roiSize.zip(built.sizeDivisor, %) == Triple(0) else {
            throw DataError(
                .badData, network.source, key: "roi_size",
                "should be multiples of \(built.sizeDivisor), by which the network's strides divide it, not \(roiSize)")
        }
        return built
    }

    /// The document that `init(file:)` reads.
    public var value: ConfigValue {
        var entries: [String: ConfigValue] = [
            "network_def": network.value, "preprocessing": preprocessing.value,
            "roi_size": .array(roiSize.array.map { .int($0) }), "overlap": .double(overlap),
            "mode": .string(mode.rawValue),
            "labels": .object(Dictionary(uniqueKeysWithValues: labels.map { (String($0), .string($1)) })),
        ]
        if !postprocessing.isEmpty { entries["postprocessing"] = postprocessing.value }
        return .object(entries)
    }
}
