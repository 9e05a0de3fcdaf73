public import SegBackend
public import SegCore
public import SegImaging
public import SegModels

/// Everything but the weights that a prediction needs: the `model.json` of a model folder.
public struct ModelDescription: Hashable, Sendable {
    /// The network architecture and its arguments, as in MONAI.
    public var network: NetworkDefinition
    /// The preprocessing of a scan.
    public var preprocessing: Preprocessing
    /// The size of a window; nil if the network's input is the whole image, as in MONAI's `SimpleInferer`.
    public var roiSize: Triple?
    /// The share of a window that overlaps the next one.
    public var overlap: WindowOverlap
    /// The weighting of overlapping windows.
    public var mode: WindowPlan.Blending
    /// The padding of an image that is smaller than a window.
    public var padding = WindowPadding.constant(0)
    /// The number of foreground classes of a first stage's mask, each a channel of 0 and 1 after the scan's channels; 0 if the
    /// model is not the second stage of a cascade.
    public var previousClasses = 0
    /// The number of networks whose outputs are averaged: the folds of a training run, each with its own weights.
    public var foldCount = 1
    /// The axes of test-time mirroring, 0 to 2: a window's output is the mean over its flips along every combination of
    /// these axes; nnU-Net's `inference_allowed_mirroring_axes`.
    public var mirrorAxes: [Int] = []
    /// The steps from the network's output to the mask.
    public var maskPlan = MaskPlan()
    /// The names of the classes by number, with class 0 as the background, or the names of the regions by channel.
    public var labels: [Int: String]
    /// The label-map values of each class or region.
    public var labelScheme = LabelScheme()
    /// The postprocessing of a predicted mask on the scan's grid.
    public var postprocessing = PostProcessing()

    /// The names of the numbers in a mask; for regions painted into one map, by the numbers of `regionsOrder`.
    package var maskLabels: [Int: String] {
        guard let regions = labelScheme.regions, let order = labelScheme.regionsOrder else { return labels }
        return Dictionary(zip(order, regions.map(\.name))) { first, _ in first }
    }

    /// The name of a class or a region of a mask.
    package func className(_ label: Int) -> String {
        maskLabels[label] ?? "\(maskPlan.isRegions ? "region" : "class") \(label)"
    }

    /// Creates a description with the defaults of MONAI's `SlidingWindowInferer`.
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

    /// Reads the entries of a model from an object that has no other entries.
    /// - Throws: `DataError` naming the key that is missing, unknown or wrong.
    public init(_ reader: ConfigReader) throws {
        self = try Self.entries(of: reader)
        try reader.finish()
        guard preprocessing.isMeasured else {
            throw reader.error(
                "preprocessing.intensity",
                "is a fingerprint without mean, std, percentile_00_5 and percentile_99_5, which a training run measures"
            )
        }
    }

    /// The number of channels of a scan that the network takes.
    /// - Throws: `DataError` if the network cannot be built.
    public var inputChannels: Int {
        get throws { try network.outline().inputChannels - previousClasses }
    }

    /// The number of channels of the network's output.
    /// - Throws: `DataError` if the network cannot be built.
    public var outputChannels: Int {
        get throws { try network.outline().outputChannels }
    }

    /// The number of classes, background included; a single channel has two classes.
    /// - Throws: `DataError` if the network cannot be built.
    public var classCount: Int {
        get throws { maskPlan.classes(channels: try outputChannels) }
    }

    /// Builds the network with newly initialised parameters, after `check()`.
    /// - Throws: `DataError` if the network cannot be built, does not fit this description or exceeds this machine's memory;
    ///   `BackendError` if the backend has too little memory.
    public func makeNetwork(on backend: any Backend, seed: UInt64) throws -> any Network {
        try check()
        return try network.makeNetwork(on: backend, seed: seed)
    }
}
