internal import Foundation
public import SegBackend
internal import SegCore
internal import SegData
internal import SegImaging
internal import SegInference
internal import SegModels
internal import SegReport
internal import SegTracking
public import SegTrain

/// A training from a dataset to figures, in a run folder; the core of `medseg train`.
///
/// A run repeats bit for bit and goes on from its checkpoint as `Trainer` says. One process at a time may run in a
/// folder: see `RunFolder.alone`.
public struct TrainingRun {
    private let configuration: TrainingConfiguration
    private let folder: String
    private let backend: any Backend
    private let version: String
    private let note: @Sendable (String) -> Void

    /// A run that has not begun.
    /// - Parameters:
    ///   - configuration: What to train, on which data.
    ///   - folder: The run folder.
    ///   - backend: What computes.
    ///   - version: The program's version, which the run's journal names.
    ///   - note: Called, on another thread too, with a sentence on what a user must know: damage that was mended, or a
    ///     tracking server that does not answer.
    public init(
        _ configuration: TrainingConfiguration, folder: String, on backend: any Backend, version: String,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.configuration = configuration
        self.folder = folder
        self.backend = backend
        self.version = version
        self.note = note
    }

    /// Trains, and writes the configuration, the split, tables, checkpoints, model folders and figures.
    /// - Parameters:
    ///   - resuming: Whether to go on from the folder's checkpoint.
    ///   - isAsked: Looked at before every step and every case of a validation; true keeps a checkpoint and ends the run.
    ///   - report: Called with what happens.
    /// - Throws: `DataError` where data, configuration or checkpoint cannot be used or a file not be written; errors as
    ///   `Trainer` and of the backend.
    public func run(
        resuming: Bool = false, until isAsked: () -> Bool = { false }, report: (TrainingRunEvent) -> Void
    ) throws -> TrainingOutcome {
        let dataset = try Dataset(path: configuration.data)
        dataset.remarks.forEach { report(.remark($0)) }
        let split = try split(dataset, report)
        // A run is started and resumed with the ignored number that its dataset says.
        let configuration = configuration.completed(by: dataset)
        let checkpoint = resuming ? try resumable(configuration, report) : nil
        let data = try DataFingerprint(split)
        try checkpoint.map { try data.checkResumes($0.data, source: checkpointFile) }
        let model = configuration.model(of: dataset)
        try model.check()
        let trainer = try makeTrainer(split, configuration, isResumed: checkpoint != nil, report)
        let record = try RunRecord(
            folder: folder, configuration: configuration, split: split, from: checkpoint?.state, isResumed: resuming,
            note: note)
        if let checkpoint {
            try trainer.restore(checkpoint, seconds: record.seconds, source: checkpointFile)
            report(.remark("going on after step \(checkpoint.state.iteration)"))
        }
        let tracking = try RunTracking(
            configuration.tracking, parameters: configuration.resolved, classNames: model.labels, folder: folder,
            backend: backend, dataHash: data.digest, version: version, from: checkpoint?.state, note: note)
        defer { tracking.close() }
        var keeper = Keeper(
            trainer: trainer, model: model, data: data, latest: split.validation.isEmpty ? .best : .last,
            checkpointFile: checkpointFile, record: record, tracking: tracking)
        report(.begins)
        let end = try trainer.run(until: isAsked) { try keeper.keep($0, report) }
        report(.ended)
        if end == .asked {
            try tracking.finish(.killed)
        } else {
            try keeper.keepModel()
            try draw()
            try tracking.log(
                files: "model", "last", "figures", "training.csv", "validation.csv", "validation_cases.csv",
                "validation_classes.csv")
            try tracking.finish(.finished)
        }
        return TrainingOutcome(
            end: end, steps: trainer.state.iteration, seconds: keeper.record.seconds, bestDice: trainer.state.bestDice,
            shareWaited: trainer.shareWaited, peakBytes: backend.memory.peak)
    }

    private var checkpointFile: String { "\(folder)/checkpoint.safetensors" }

    // MARK: What a run begins with

    private func split(_ dataset: Dataset, _ report: (TrainingRunEvent) -> Void) throws -> Dataset.Split {
        switch configuration.validation {
        case .share(let share):
            dataset.ownSplitNote.map { report(.remark($0)) }
            var split = try dataset.split(validation: share, seed: configuration.seed)
            // A split that the dataset makes is taken as it is.
            if dataset.ownSplits.isEmpty, let note = try split.setLabelledCaseAside() { report(.remark(note)) }
            return split
        case .names(let names): return try dataset.split(validation: names)
        case .file(let path): return try dataset.split(CaseSplit(file: path))
        }
    }

    private func makeTrainer(
        _ split: Dataset.Split, _ configuration: TrainingConfiguration, isResumed: Bool,
        _ report: (TrainingRunEvent) -> Void
    ) throws -> Trainer {
        // A network, a window or weights that do not fit should not wait for the reading of every case.
        let network = try configuration.model.makeNetwork(on: backend, seed: 0)
        let remarks = isResumed ? [] : try configuration.start?.load(into: network.store) ?? []
        let labels = configuration.model.labelScheme
        configuration.cache.removeLeftovers()
        let training = try prepare(split.training, .training, labels, report)
        let validation = try prepare(split.validation, .validation, labels, report)
        let trainer = try Trainer(configuration, training: training, validation: validation, on: backend)
        if !isResumed { _ = try configuration.start?.load(into: trainer.network.store) }
        (configuration.model.preprocessing.remarks + remarks + trainer.warnings).forEach { report(.remark($0)) }
        return trainer
    }

    private func prepare(
        _ cases: [DatasetCase], _ part: TrainingRunEvent.Part, _ labels: LabelScheme,
        _ report: (TrainingRunEvent) -> Void
    ) throws -> [PreparedCase] {
        let (channels, classes) = (try configuration.model.inputChannels, try configuration.model.classCount)
        let prepared = try cases.enumerated().map { index, item in
            report(.reading(part, name: item.name, done: index, count: cases.count))
            return try configuration.cache.prepare(
                item, configuration.model.preprocessing, channels: channels, classes: classes, labels: labels)
        }
        report(.hasRead(part, count: cases.count))
        return prepared
    }

    /// The folder's checkpoint, if this configuration can go on from it; nil where none was written yet.
    private func resumable(
        _ configuration: TrainingConfiguration, _ report: (TrainingRunEvent) -> Void
    ) throws -> Checkpoint? {
        guard FileManager.default.fileExists(atPath: checkpointFile) else {
            let file = "\(folder)/config.json"
            try configuration.checkResumes(ConfigValue(jsonFile: file), source: file)
            let kept = try putAside()
            note(
                "\(folder) has no checkpoint: beginning at step 0"
                    + (kept.isEmpty ? "" : "; what it has is kept as \(kept.joined(separator: ", "))"))
            return nil
        }
        let checkpoint = try Checkpoint(file: checkpointFile)
        try configuration.checkResumes(checkpoint.configuration, source: checkpointFile)
        let device = "\(backend.name): \(backend.details)"
        if checkpoint.device != device {
            report(
                .remark(
                    "the run was started on \(checkpoint.device); on \(device) its numbers may differ in the last bits")
            )
        }
        return checkpoint
    }

    /// Renames what a run without a checkpoint has, so that the steps to come do not write over it.
    /// - Returns: The new names.
    private func putAside() throws -> [String] {
        let tables = ["training.csv", "validation.csv", "validation_cases.csv", "validation_classes.csv", "tracking"]
        let models = RunRecord.Model.allCases.map(\.rawValue)
        return try (models + tables).filter { FileManager.default.fileExists(atPath: "\(folder)/\($0)") }.map { name in
            var (kept, number) = ("\(name).before", 1)
            while FileManager.default.fileExists(atPath: "\(folder)/\(kept)") {
                number += 1
                kept = "\(name).before-\(number)"
            }
            try DurableFile.move("\(folder)/\(name)", to: "\(folder)/\(kept)")
            return kept
        }
    }

    // MARK: What a run leaves

    private func draw() throws {
        try OutputFolder.make(folder + "/figures")
        let curves = try RunCurves(
            folder: folder, name: URL(fileURLWithPath: folder).lastPathComponent, note: note)
        let plot = RunCurves.plot(
            [curves], title: "Training", subtitle: "\(curves.losses.count) steps on \(backend.name)")
        try plot.write(to: URL(fileURLWithPath: folder + "/figures/training.png"))
    }
}

/// Keeps what a training tells: in the tables, the checkpoint and the model folders of its run folder, and in its journal.
private struct Keeper {
    let trainer: Trainer
    let model: ModelDescription
    let data: DataFingerprint
    /// The model folder of the latest network.
    let latest: RunRecord.Model
    let checkpointFile: String
    var record: RunRecord
    let tracking: RunTracking

    mutating func keep(_ event: TrainingEvent, _ report: (TrainingRunEvent) -> Void) throws {
        try tracking.log(event)
        switch event {
        case .iteration(let step):
            try record.append(step)
            report(.step(step))
        case .model: try keepModel()
        case .validation(let result):
            try record.append(result)
            report(.validation(result))
            if result.isBest {
                try record.save(model, trainer.network.store, as: .best)
                try tracking.log(files: "model")
            }
        case .checkpoint:
            // A checkpoint says that the steps before it are recorded.
            try record.sync()
            try tracking.sync()
            try trainer.checkpoint(data: data).write(to: checkpointFile)
        }
    }

    /// Writes the network as it is.
    func keepModel() throws { try record.save(model, trainer.network.store, as: latest) }
}
