public import SegCore
public import SegData
internal import SegImaging
public import SegInference
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
}
