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
    /// Extents of a window; nil where the network sees the whole image at once, MONAI's `SimpleInferer`.
    public var roiSize: Triple?
    /// Share of a window that its neighbour repeats.
    public var overlap: WindowOverlap
    /// Weights of overlapping windows.
    public var mode: WindowPlan.Blending
    /// What lies beside an image that is smaller than a window.
    public var padding = WindowPadding.constant(0)
    /// Foreground classes of a first stage's mask, each a channel of 0 and 1 behind those of the scan; 0 where the model is no
    /// second stage of a cascade.
    public var previousClasses = 0
    /// Networks whose outputs are averaged, each with weights of its own: the folds of a training.
    public var foldCount = 1
    /// Axes of the network's volume, 0 to 2: a window's output is the mean over its mirror images along every combination
    /// of them; nnU-Net's `inference_allowed_mirroring_axes`.
    public var mirrorAxes: [Int] = []
    /// How a mask comes of the network's output.
    public var maskPlan = MaskPlan()
    /// Names of the classes, by number, where class 0 is the background; of regions the names by channel.
    public var labels: [Int: String]
    /// Which numbers of a label map are which class.
    public var labelScheme = LabelScheme()
    /// What is done to a predicted mask on the scan's grid.
    public var postprocessing = PostProcessing()

    private static let mostFolds = 100

    /// What a class is called.
    package func className(_ label: Int) -> String {
        labels[label] ?? "\(maskPlan.isRegions ? "region" : "class") \(label)"
    }

    /// Describes a model, with the defaults of MONAI's `SlidingWindowInferer`.
    public init(
        network: NetworkDefinition, preprocessing: Preprocessing, roiSize: Triple?, overlap: WindowOverlap = 0.25,
        mode: WindowPlan.Blending = .constant, labels: [Int: String] = [:]
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
        // A null stands for the whole image; an absent key is a mistake.
        let window = reader.isNull("roi_size") ? nil : try SlidingWindow(reader)
        var description = ModelDescription(
            network: NetworkDefinition(definition, source: reader.source), preprocessing: try Preprocessing(of: reader),
            roiSize: window?.window, overlap: window?.overlap ?? 0, mode: window?.blending ?? .constant,
            labels: [:])
        (description.labels, description.labelScheme) = try LabelScheme.read(reader)
        if description.labelScheme.regions != nil { description.maskPlan = .ofRegions }
        if window != nil { description.padding = try WindowPadding(reader) }
        description.previousClasses = try reader.int("previous_classes") ?? 0
        guard (0..<Self.mostClasses).contains(description.previousClasses) else {
            throw reader.error("previous_classes", "should be from 0 to \(Self.mostClasses - 1)")
        }
        description.foldCount = try reader.int("folds") ?? 1
        guard (1...Self.mostFolds).contains(description.foldCount) else {
            throw reader.error("folds", "should be from 1 to \(Self.mostFolds), not \(description.foldCount)")
        }
        description.mirrorAxes = try reader.ints("mirror_axes") ?? []
        guard Set(description.mirrorAxes).isSubset(of: [0, 1, 2]),
            Set(description.mirrorAxes).count == description.mirrorAxes.count
        else { throw reader.error("mirror_axes", "should be some of 0, 1 and 2, not \(description.mirrorAxes)") }
        try description.readPostprocessing(reader)
        return description
    }

    /// Reads `postprocessing`: an object of what is done to a mask, or a list of MONAI's transforms from the network's
    /// output on.
    private mutating func readPostprocessing(_ reader: ConfigReader) throws {
        guard case .array(let items)? = reader.value("postprocessing") else {
            if let steps = try reader.object("postprocessing") { postprocessing = try PostProcessing(steps) }
            return
        }
        var chain = MaskPlanReader(channels: try outputChannels, preprocessing: preprocessing)
        for (number, item) in items.enumerated() {
            let step = try ConfigReader(item, path: "postprocessing.\(number)", source: reader.source)
            try chain.add(step.required("_target_", step.string("_target_")), step)
            try step.finish()
        }
        maskPlan = try chain.finished(reader)
        if labelScheme.regions != nil, !maskPlan.isRegions {
            throw reader.error("postprocessing", "makes classes, and regions take a threshold of each channel")
        }
    }

    /// Channels of a scan that the network takes.
    /// - Throws: `DataError` where the network cannot be built.
    public var inputChannels: Int {
        get throws { try network.outline().inputChannels - previousClasses }
    }

    /// Channels that the network gives.
    /// - Throws: `DataError` where the network cannot be built.
    public var outputChannels: Int {
        get throws { try network.outline().outputChannels }
    }

    /// Classes that the network tells apart, background included; a single channel tells two apart.
    /// - Throws: `DataError` where the network cannot be built.
    public var classCount: Int {
        get throws { maskPlan.classes(channels: try outputChannels) }
    }

    /// Builds the network with fresh parameters, made for scans and for windows of `roiSize`.
    /// - Throws: `DataError` where it cannot be built, does not fit this description or finds no memory on this machine;
    ///   `BackendError` where the backend's memory is short.
    public func makeNetwork(on backend: any Backend, seed: UInt64) throws -> any Network {
        try check()
        return try network.makeNetwork(on: backend, seed: seed)
    }

    /// The document that `init(file:)` reads.
    public var value: ConfigValue {
        var entries: [String: ConfigValue] = [
            "network_def": network.value, "preprocessing": preprocessing.value,
            "roi_size": roiSize.map { .array($0.array.map { .int($0) }) } ?? .null,
        ]
        entries.merge(labelScheme.entries(labels: labels)) { $1 }
        if roiSize != nil {
            entries.merge(["overlap": overlap.value, "mode": .string(mode.rawValue)]) { $1 }
            entries.merge(padding.entries) { $1 }
        }
        if previousClasses > 0 { entries["previous_classes"] = .int(previousClasses) }
        if foldCount > 1 { entries["folds"] = .int(foldCount) }
        if !mirrorAxes.isEmpty { entries["mirror_axes"] = .array(mirrorAxes.map { .int($0) }) }
        if maskPlan != (labelScheme.regions == nil ? MaskPlan() : .ofRegions) {
            entries["postprocessing"] = maskPlan.value(channels: (try? outputChannels) ?? 2)
        } else if !postprocessing.isEmpty {
            entries["postprocessing"] = postprocessing.value
        }
        return .object(entries)
    }
}
