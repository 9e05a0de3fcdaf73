public import SegCore
public import SegData
internal import SegImaging
public import SegInference
public import SegNN

/// All settings of a training run, as `medseg train CONFIG.yaml` reads them.
///
/// The options of the steps can be read directly: `configuration.iterations` is `configuration.options.iterations`.
@dynamicMemberLookup
public struct TrainingConfiguration: Sendable {
    /// The cases that are set aside for validation.
    public enum Validation: Hashable, Sendable {
        /// A share of the cases, chosen by the seed.
        case share(Double)
        /// The cases with these names.
        case names([String])
        /// The validation cases of a `split.json`, whose test cases are not used.
        case file(String)
    }

    /// The document from which the configuration was read, the preset's entries included.
    public let document: ConfigValue
    /// The dataset: a folder or its `dataset.json`.
    public var data: String
    /// The cache that keeps prepared cases between training runs.
    public var cache: CaseCache
    /// The validation cases.
    public var validation: Validation
    /// The network, preprocessing and windows, as in the trained model.
    public var model: ModelDescription
    /// The sampling of patches.
    public var sampling: PatchSampling
    /// The augmentation of patches.
    public var augmentation: Augmentation
    /// The loss that is minimised.
    public var loss: SegmentationLoss
    /// The options of the steps. `seed` also decides the split.
    public var options: TrainingOptions
    /// The weights that the training begins with; nil for random ones.
    public var start: StartingWeights?
    /// The tracking of the run.
    public var tracking: TrackingOptions

    /// An option of the steps.
    public subscript<Value>(dynamicMember option: KeyPath<TrainingOptions, Value>) -> Value { options[keyPath: option] }

    /// The configuration with the dataset's ignored number. A configuration that has an ignored number itself, or assigns
    /// the dataset's number to a class, is returned unchanged.
    public func completed(by dataset: Dataset) -> TrainingConfiguration {
        guard model.labelScheme.ignored == nil, let number = dataset.ignoredLabel,
            model.labelScheme.name(of: number, labels: model.labels) == nil
        else { return self }
        var completed = self
        completed.model.labelScheme.ignored = number
        completed.loss.hasIgnoredVoxels = true
        return completed
    }

    /// The model of a training run on a dataset; the names of the classes are the dataset's if the configuration has none.
    public func model(of dataset: Dataset) -> ModelDescription {
        var model = completed(by: dataset).model
        if model.labels.isEmpty { model.labels = dataset.labels }
        return model
    }

    /// The model of a training run on a dataset, checked as a run checks it before its first step.
    /// - Throws: `DataError` naming the key that is wrong, in the configuration, or in the dataset's index if the names of the
    ///   classes are from there.
    public func checkedModel(of dataset: Dataset) throws -> ModelDescription {
        let model = self.model(of: dataset)
        do {
            try model.check()
        } catch let fault as DataError
            where fault.key == "labels" && self.model.labels.isEmpty && !dataset.index.isEmpty
        {
            throw DataError(
                fault.kind, dataset.index, key: "labels", "\(fault.message); the network is that of \(fault.subject)")
        }
        return model
    }
}
