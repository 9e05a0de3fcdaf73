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

    /// Names of what stands in a mask, by number: of regions that are painted into one map, by the numbers of `regionsOrder`.
    package var maskLabels: [Int: String] {
        guard let regions = labelScheme.regions, let order = labelScheme.regionsOrder else { return labels }
        return Dictionary(zip(order, regions.map(\.name))) { first, _ in first }
    }

    /// What a class of a mask is called.
    package func className(_ label: Int) -> String {
        maskLabels[label] ?? "\(maskPlan.isRegions ? "region" : "class") \(label)"
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
}
