internal import SegBackend
public import SegCore
public import SegData
internal import SegImaging
public import SegInference
internal import SegModels
public import SegNN

/// Everything that decides a training: what `medseg train CONFIG.yaml` reads.
public struct TrainingConfiguration: Sendable {
    /// Which cases are set aside for validation.
    public enum Validation: Hashable, Sendable {
        /// A share of them, chosen by the seed.
        case share(Double)
        /// These.
        case names([String])
        /// Those of a `split.json`, whose test cases take no part.
        case file(String)
    }

    /// The document this was read from, the preset's entries included.
    public let document: ConfigValue
    /// The dataset: a folder or its `dataset.json`.
    public var data: String
    /// Where prepared cases are kept between trainings.
    public var cache: CaseCache
    /// Which cases are set aside.
    public var validation: Validation
    /// Decides initial weights, the split, patches, augmentation and dropout.
    public var seed: UInt32
    /// Network, preprocessing and windows, as the trained model will carry them.
    public var model: ModelDescription
    /// How patches are drawn.
    public var sampling: PatchSampling
    /// How patches are varied.
    public var augmentation: Augmentation
    /// What is minimised.
    public var loss: SegmentationLoss
    /// What minimises it.
    public var optimizer: OptimizerKind
    /// The first learning rate.
    public var learningRate: Double
    /// How it falls.
    public var schedule: LearningRateSchedule
    /// How it rises before that; nil for not at all.
    public var warmUp: WarmUp?
    /// The greatest length of all gradients together; longer ones are shortened.
    public var clipNorm: Double?
    /// Batches whose gradients make one step.
    public var accumulation: Int
    /// Whether activations are computed again on the way back, to save memory.
    public var recomputes: Bool
    /// Weights that the training begins with; nil for random ones.
    public var start: StartingWeights?
    /// Parts of the network that are not trained, by the beginnings of their parameters' names.
    public var frozen: [String]
    /// What the learning rate of a part is multiplied by, by the beginning of its parameters' names.
    public var rateFactors: [String: Double]
    /// Optimiser steps.
    public var iterations: Int
    /// Stops earlier when this many minutes have passed; the schedule then ends with the time.
    public var minutes: Double?
    /// Iterations between validations.
    public var validateEvery: Int
    /// Iterations between checkpoints that a stopped training goes on from.
    public var checkpointEvery: Int
    /// When the training ends for want of progress; nil for never.
    public var earlyStopping: EarlyStopping?
    /// Where the run is logged.
    public var tracking: TrackingOptions

    /// Ends a training whose validation Dice no longer rises.
    public struct EarlyStopping: Hashable, Sendable {
        /// Validations in a row that may bring nothing.
        public var patience: Int
        /// How far the Dice must rise to count.
        public var minDelta: Double
    }

    /// Reads a configuration.
    /// - Throws: `DataError` naming the key that is missing, unknown (with the nearest known one) or wrong.
    public init(_ value: ConfigValue, source: String) throws {
        document = try Preset.expand(value, source: source)
        let reader = try ConfigReader(document, path: "", source: source)
        data = try reader.required("data", reader.string("data"))
        cache = CaseCache(try reader.string("cache"))
        validation = try Self.validation(reader)
        guard let seed = UInt32(exactly: try reader.int("seed") ?? 0) else {
            throw reader.error("seed", "should be a whole number from 0 to \(UInt32.max)")
        }
        self.seed = seed
        model = try ModelDescription.entries(of: reader)
        sampling = try PatchSampling(reader, roi: reader.required("roi_size", model.roiSize))
        augmentation = try Augmentation(reader.object("augmentation"))
        loss = try SegmentationLoss(reader.object("loss"))
        try loss.check(channels: model.outputChannels, reader)
        loss.hasIgnoredVoxels = model.labelScheme.ignored != nil
        if model.labelScheme.regions != nil { try loss.takeRegions(reader) }
        let optimizerReader = try reader.required("optimizer", reader.object("optimizer"))
        rateFactors = try Self.rateFactors(optimizerReader)
        (optimizer, learningRate, clipNorm) = try Self.optimizer(optimizerReader)
        start = try reader.string("init_from").map(StartingWeights.init)
        frozen = try reader.strings("freeze") ?? []
        (schedule, warmUp) = try Self.schedule(reader.object("schedule"), learningRate: learningRate)
        accumulation = try Self.count(reader, "accumulate") ?? 1
        recomputes = try reader.bool("recompute") ?? false
        iterations = try reader.required("iterations", Self.count(reader, "iterations"))
        minutes = try reader.double("minutes")
        if let minutes, !(minutes > 0) { throw reader.error("minutes", "should be positive, not \(minutes)") }
        validateEvery = try Self.count(reader, "validate_every") ?? max(1, iterations / 10)
        checkpointEvery = try Self.count(reader, "checkpoint_every") ?? min(validateEvery, 100)
        earlyStopping = try reader.object("early_stopping").map(EarlyStopping.init)
        tracking = try TrackingOptions(reader.object("tracking"))
        try checkValidated(reader)
        try reader.finish()
    }

    /// The configuration with the dataset's ignored number, where it has none and gives that number to no class.
    public func completed(by dataset: Dataset) -> TrainingConfiguration {
        guard model.labelScheme.ignored == nil, let number = dataset.ignoredLabel,
            model.labelScheme.name(of: number, labels: model.labels) == nil
        else { return self }
        var completed = self
        completed.model.labelScheme.ignored = number
        completed.loss.hasIgnoredVoxels = true
        return completed
    }

    /// The model that a dataset's training makes: names of classes are the dataset's where the configuration has none.
    public func model(of dataset: Dataset) -> ModelDescription {
        var model = completed(by: dataset).model
        if model.labels.isEmpty { model.labels = dataset.labels }
        return model
    }

    private static func count(_ reader: ConfigReader, _ key: String) throws -> Int? {
        guard let count = try reader.int(key) else { return nil }
        guard count > 0 else { throw reader.error(key, "should be positive, not \(count)") }
        return count
    }

    /// What watches the validation needs one.
    private func checkValidated(_ reader: ConfigReader) throws {
        guard validation == .share(0) || validation == .names([]) else { return }
        if earlyStopping != nil {
            throw reader.error("early_stopping", "watches the validation cases, but validation sets none aside")
        }
        if case .plateau(let rule) = schedule, rule.monitor == .dice {
            throw reader.error(
                "schedule.monitor", "dice watches the validation cases, but validation sets none aside; use loss")
        }
    }

    private static func validation(_ reader: ConfigReader) throws -> Validation {
        guard let value = reader.value("validation") else { return .share(0.2) }
        if let share = value.number {
            guard share >= 0, share < 1 else {
                throw reader.error("validation", "as a share should be at least 0 and below 1, not \(share)")
            }
            return .share(share)
        }
        if case .string(let path) = value { return .file(path) }
        guard case .array(let items) = value else {
            throw reader.error(
                "validation", "should be a share such as 0.2, a list of case names or a split.json, not \(value)")
        }
        return .names(
            try items.map {
                guard case .string(let name) = $0 else {
                    throw reader.error("validation", "should list case names, not \($0)")
                }
                return name
            })
    }

    /// `factors`: what the learning rate of parts of the network is multiplied by.
    private static func rateFactors(_ reader: ConfigReader) throws -> [String: Double] {
        guard let value = reader.value("factors"), value != .null else { return [:] }
        guard case .object(let members) = value else {
            throw reader.error("factors", "should map parts of the network to factors, as {model.0: 0.1}, not \(value)")
        }
        return try members.mapValues { item in
            guard let factor = item.number, factor > 0, factor.isFinite else {
                throw reader.error("factors", "should be positive numbers, not \(item); freeze: keeps a part as it is")
            }
            return factor
        }
    }

    private static func optimizer(_ reader: ConfigReader) throws -> (OptimizerKind, rate: Double, clip: Double?) {
        let name = try reader.string("name") ?? "adam"
        let rate = try reader.required("learning_rate", reader.double("learning_rate"))
        guard rate > 0, rate.isFinite else {
            throw reader.error("learning_rate", "should be positive and finite, not \(rate)")
        }
        let clip = try reader.double("clip_norm")
        if let clip, !(clip > 0) { throw reader.error("clip_norm", "should be positive, not \(clip)") }
        let kind = try OptimizerKind(named: name, reader)
        try reader.finish()
        return (kind, rate, clip)
    }
}

extension TrainingConfiguration.EarlyStopping {
    fileprivate init(_ reader: ConfigReader) throws {
        patience = try reader.required("patience", reader.int("patience"))
        minDelta = try reader.double("min_delta") ?? 0
        guard patience > 0 else { throw reader.error("patience", "should be positive, not \(patience)") }
        guard minDelta >= 0 else { throw reader.error("min_delta", "should be 0 or more, not \(minDelta)") }
        try reader.finish()
    }
}
