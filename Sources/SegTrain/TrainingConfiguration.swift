public import SegCore
public import SegData
internal import SegImaging
public import SegInference
public import SegNN

/// Everything that decides a training: what `medseg train CONFIG.yaml` reads.
///
/// The options of its steps are its own too: `configuration.iterations` is `configuration.options.iterations`.
@dynamicMemberLookup
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
    /// Network, preprocessing and windows, as the trained model will carry them.
    public var model: ModelDescription
    /// How patches are drawn.
    public var sampling: PatchSampling
    /// How patches are varied.
    public var augmentation: Augmentation
    /// What is minimised.
    public var loss: SegmentationLoss
    /// How the steps are taken. `seed` also decides the split.
    public var options: TrainingOptions
    /// Weights that the training begins with; nil for random ones.
    public var start: StartingWeights?
    /// Where the run is logged.
    public var tracking: TrackingOptions

    /// An option of the steps.
    public subscript<Value>(dynamicMember option: KeyPath<TrainingOptions, Value>) -> Value { options[keyPath: option] }

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
