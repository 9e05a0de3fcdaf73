internal import SegBackend
internal import SegComm
internal import SegCore
internal import SegData
internal import SegImaging
internal import SegInference
internal import SegModels
internal import SegNN
internal import SegTensor

/// The Dice over all patches of a validation together, drawn from the validation cases: nnU-Net's pseudo Dice.
///
/// Patches are drawn as in training but without augmentation, and differ between validations. The ranks take turns with
/// the batches.
struct PatchValidation: TrainingValidation {
    private let patches: PatchSource
    private let rule: TrainingOptions.PseudoDice
    private let validateEvery: Int
    private let model: ModelDescription
    private let backend: any Backend
    private let ranks: Ranks

    /// Counts the voxels that patches can be centred on.
    /// - Throws: `DataError` if a case gives no patches, or if no case has a labelled voxel left.
    init(
        _ cases: [PreparedCase], _ rule: TrainingOptions.PseudoDice, _ configuration: TrainingConfiguration,
        on backend: any Backend, ranks: Ranks
    ) throws {
        _ = try CaseValidation.measured(cases)
        var sampling = configuration.sampling
        // With MedSeg's generator the patches of any validation can be drawn independently.
        sampling.draws = .medseg
        patches = try PatchSource(
            cases, sampling, Augmentation(), seed: configuration.seed, labels: configuration.model.labelScheme)
        (self.rule, model, self.backend, self.ranks) = (rule, configuration.model, backend, ranks)
        validateEvery = configuration.validateEvery
    }

    /// Warnings about cases that cannot give the wanted mix of patches, one sentence per case.
    var warnings: [String] { patches.warnings }

    func measure(
        _ network: any Network, after iteration: Int, until isAsked: () -> Bool
    ) throws -> ValidationScores? {
        let first = (iteration + validateEvery - 1) / validateEvery * rule.batches
        let areRegions = model.labelScheme.regions != nil
        var counts = ClassCounts(channels: network.outputChannels, areRegions: areRegions)
        for turn in stride(from: ranks.rank, to: rule.batches + ranks.rank, by: ranks.count) {
            guard try !ranks.gather([isAsked()]).contains([true]) else { return nil }
            guard turn < rule.batches else { continue }
            let batch = try patches.batch(first + turn)
            let images = try Tensor(
                batch.images, shape: Shape(batch: batch.count, size: batch.size, channels: batch.channels),
                on: backend)
            try counts.add(network(images, in: .inference).floats(), batch.labels)
        }
        try counts.join { try ranks.gather($0) }
        let dice = counts.dice
        let classes = dice.enumerated().map { (label: areRegions ? $0 : $0 + 1, dice: $1) }
        return ValidationScores(mean: dice.meanOfDefined ?? .nan, classes: classes)
    }
}
