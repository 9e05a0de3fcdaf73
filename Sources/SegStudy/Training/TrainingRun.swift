internal import Foundation
public import SegBackend
public import SegComm
internal import SegCore
internal import SegData
internal import SegImaging
internal import SegInference
internal import SegModels
public import SegNNUNet
internal import SegReport
internal import SegTracking
public import SegTrain

/// A training run from a dataset to figures, in a run folder; the core of `medseg train`.
///
/// A run is reproducible bit for bit and resumes from its checkpoint as described in `Trainer`. Only one process at a
/// time may run in a folder: see `RunFolder.alone`. Of several ranks that train together only the first writes; all
/// read the same files.
public struct TrainingRun {
    private let configuration: TrainingConfiguration
    private let folder: String
    private let backend: any Backend
    private let ranks: Ranks
    private let version: String
    private let origin: NNUNetOrigin?
    private let note: @Sendable (String) -> Void

    /// Creates a run that has not started.
    /// - Parameters:
    ///   - configuration: The training configuration, including the data.
    ///   - folder: The run folder.
    ///   - backend: The backend that computes.
    ///   - ranks: The processes that train together, each with the same run.
    ///   - version: The program's version, for the run's journal.
    ///   - origin: The nnU-Net plans of the run, which a new run copies into its folder; nil for none.
    ///   - note: Called, possibly on another thread, with a sentence that the user must know: damage that was repaired,
    ///     or a tracking server that does not answer.
    public init(
        _ configuration: TrainingConfiguration, folder: String, on backend: any Backend, ranks: Ranks = .alone,
        version: String, origin: NNUNetOrigin? = nil, note: @escaping @Sendable (String) -> Void
    ) {
        self.origin = origin
        self.ranks = ranks
        self.configuration = configuration
        self.folder = folder
        self.backend = backend
        self.version = version
        self.note = note
    }

    /// Trains, and writes the configuration, the split, tables, checkpoints, model folders and figures.
    /// - Parameters:
    ///   - resuming: Whether to continue from the folder's checkpoint.
    ///   - isAsked: Called before every step and every case of a validation; true, on any rank, writes a checkpoint and
    ///     ends the run.
    ///   - report: Called with each event.
    /// - Throws: `DataError` if data, configuration or checkpoint cannot be used or a file cannot be written;
    ///   `RankError` if there are too many ranks, or if they differ in program, configuration, data or kind of device;
    ///   errors of `Trainer` and of the backend.
    public func run(
        resuming: Bool = false, until isAsked: () -> Bool = { false }, report: (TrainingRunEvent) -> Void
    ) throws -> TrainingOutcome {
        _ = try configuration.options.passes(perRankOf: ranks.count)
        let dataset = try Dataset(path: configuration.data)
        dataset.remarks.forEach { report(.remark($0)) }
        let split = try configuration.split(dataset) { report(.remark($0)) }
        // A run is started and resumed with the ignored number of its dataset and the fingerprint of its training cases.
        let configuration = try measured(
            configuration.completed(by: dataset), split, of: dataset, resuming: resuming, report)
        let checkpoint = resuming ? try resumable(configuration, report) : nil
        let data = try DataFingerprint(split)
        try checkpoint.map { try data.checkResumes($0.data, source: checkpointFile) }
        // From here on the first rank writes into the folder that the others have read.
        try requireSame(configuration, data, checkpoint)
        let model = try configuration.checkedModel(of: dataset)
        let trainer = try makeTrainer(split, configuration, isResumed: checkpoint != nil, report)
        // The initial weights may be different files with the same name.
        if checkpoint == nil { try trainer.requireSameWeights() }
        let record = try ofFirst {
            try RunRecord(
                folder: folder, configuration: configuration, split: split,
                companions: resuming ? [] : try origin?.files() ?? [], from: checkpoint?.state, isResumed: resuming,
                note: note)
        }
        if let checkpoint {
            try trainer.restore(checkpoint, seconds: record?.seconds ?? 0, source: checkpointFile)
            try trainer.requireSameWeights()
            report(.remark("going on after step \(checkpoint.state.iteration)"))
        }
        let tracking = try ofFirst {
            try RunTracking(
                configuration.tracking, parameters: configuration.resolved, classNames: model.labels, folder: folder,
                backend: backend, dataHash: data.digest, version: version, from: checkpoint?.state, note: note)
        }
        defer { tracking?.close() }
        var keeper = Keeper(
            trainer: trainer, model: model, data: data, latest: split.validation.isEmpty ? .best : .last,
            checkpointFile: checkpointFile, record: record, tracking: tracking)
        report(.begins)
        let end = try trainer.run(until: isAsked) { try keeper.keep($0, report) }
        report(.ended)
        if end == .asked {
            try tracking?.finish(.killed)
        } else if let tracking {
            try keeper.keepModel()
            try draw()
            try tracking.log(
                files: "model", "last", "figures", "training.csv", "validation.csv", "validation_cases.csv",
                "validation_classes.csv")
            try tracking.finish(.finished)
        }
        return TrainingOutcome(
            end: end, steps: trainer.state.iteration, seconds: keeper.record?.seconds ?? 0,
            bestDice: trainer.state.bestDice, shareWaited: trainer.shareWaited, peakBytes: backend.memory.peak,
            rankTimes: trainer.rankTimes)
    }

    // MARK: Several ranks

    /// The first rank's value; nil on the others.
    private func ofFirst<Value>(_ make: () throws -> Value) rethrows -> Value? { ranks.isFirst ? try make() : nil }

    /// Checks that all ranks do the same work on the same data.
    private func requireSame(
        _ configuration: TrainingConfiguration, _ data: DataFingerprint, _ checkpoint: Checkpoint?
    ) throws {
        guard case .object(var entries) = configuration.resolved else { return }
        // Paths may differ from machine to machine; the data are compared by content.
        for key in ["data", "cache", "tracking"] { entries[key] = nil }
        let digest = ContentDigest(.sha256)
        digest.update(Array(try ConfigValue.object(entries).jsonText().utf8))
        // The numbers of threads and devices change no bit; processors, instruction sets and precisions do.
        try ranks.requireSame([
            ("version of MedSeg", version), ("configuration (SHA-256)", digest.finish()),
            ("data (SHA-256)", data.digest),
            ("kind of device", "\(backend.name.prefix { $0 != ":" }): \(Self.withoutThreads(backend.details))"),
            ("checkpoint", checkpoint.map { "one after step \($0.state.iteration)" } ?? "none"),
        ])
    }

    /// The details of a backend without its number of threads.
    private static func withoutThreads(_ details: String) -> String {
        details.replacing(/\d+ threads?(, )?/, with: "")
    }

    private var checkpointFile: String { "\(folder)/checkpoint.safetensors" }

    // MARK: The start of a run

    /// The configuration with the fingerprint of the intensities: that of the run in the folder if it goes on, otherwise
    /// measured over the training cases.
    private func measured(
        _ configuration: TrainingConfiguration, _ split: Dataset.Split, of dataset: Dataset, resuming: Bool,
        _ report: (TrainingRunEvent) -> Void
    ) throws -> TrainingConfiguration {
        let file = "\(folder)/config.json"
        let isKnown = resuming && !configuration.isMeasured && FileManager.default.fileExists(atPath: file)
        let known =
            isKnown ? try configuration.measured(asIn: ConfigValue(jsonFile: file), source: file) : configuration
        guard !known.isMeasured else { return known }
        let count = split.training.count
        let measured = try known.measured(over: split.training, of: dataset) { done, name in
            report(.reading(.fingerprint, name: name, done: done, count: count))
        }
        report(.hasRead(.fingerprint, count: count))
        return measured
    }

    private func makeTrainer(
        _ split: Dataset.Split, _ configuration: TrainingConfiguration, isResumed: Bool,
        _ report: (TrainingRunEvent) -> Void
    ) throws -> Trainer {
        // A network, window or weights that do not fit should be reported before every case is read.
        let network = try configuration.makeNetwork(on: backend)
        let remarks = isResumed ? [] : try configuration.start?.load(into: network.store) ?? []
        configuration.cache.removeLeftovers()
        let training = try prepare(split.training, .training, configuration, report)
        let validation = try prepare(split.validation, .validation, configuration, report)
        let trainer = try Trainer(
            configuration, network: network, training: training, validation: validation, on: backend, ranks: ranks)
        (configuration.model.preprocessing.remarks + remarks + trainer.warnings).forEach { report(.remark($0)) }
        return trainer
    }

    private func prepare(
        _ cases: [DatasetCase], _ part: TrainingRunEvent.Part, _ configuration: TrainingConfiguration,
        _ report: (TrainingRunEvent) -> Void
    ) throws -> [PreparedCase] {
        let (channels, classes) = (try configuration.model.inputChannels, try configuration.model.classCount)
        func prepared(_ index: Int) throws -> PreparedCase {
            report(.reading(part, name: cases[index].name, done: index, count: cases.count))
            return try configuration.cache.prepare(
                cases[index], configuration.model.preprocessing, channels: channels, classes: classes,
                labels: configuration.model.labelScheme)
        }
        if ranks.count > 1, configuration.cache.folder != nil {
            // Each case is computed by one rank, and all find it in the cache.
            for index in stride(from: ranks.rank, to: cases.count, by: ranks.count) { _ = try prepared(index) }
            try ranks.barrier()
        }
        let prepared = try cases.indices.map(prepared)
        report(.hasRead(part, count: cases.count))
        return prepared
    }

    /// The folder's checkpoint, if this configuration can resume from it; nil if none was written yet.
    private func resumable(
        _ configuration: TrainingConfiguration, _ report: (TrainingRunEvent) -> Void
    ) throws -> Checkpoint? {
        guard FileManager.default.fileExists(atPath: checkpointFile) else {
            let file = "\(folder)/config.json"
            try configuration.checkResumes(ConfigValue(jsonFile: file), source: file)
            if let kept = try ofFirst(putAside) {
                note(
                    "\(folder) has no checkpoint: beginning at step 0"
                        + (kept.isEmpty ? "" : "; what it has is kept as \(kept.joined(separator: ", "))"))
            }
            return nil
        }
        let checkpoint = try Checkpoint(file: checkpointFile)
        try configuration.checkResumes(checkpoint.configuration, source: checkpointFile)
        let device = "\(backend.name): \(backend.details)"
        if Self.withoutThreads(checkpoint.device) != Self.withoutThreads(device) {
            report(
                .remark(
                    "the run was started on \(checkpoint.device); on \(device) its numbers may differ in the last bits")
            )
        }
        // For an odd number of passes, and for two, summation in sequence and by a tree give the same bits.
        if !checkpoint.sumsByTree, configuration.accumulation > 3, configuration.accumulation % 2 == 0 {
            report(
                .remark(
                    "the checkpoint is from a version that added the gradients of accumulate one after another; from "
                        + "here on they are summed by a tree, and may differ in the last bits"))
        }
        return checkpoint
    }

    /// Renames the files of a run without a checkpoint, so that the coming steps do not overwrite them.
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

    // MARK: The results of a run

    private func draw() throws {
        try OutputFolder.make(folder + "/figures")
        let curves = try RunCurves(
            folder: folder, name: URL(fileURLWithPath: folder).lastPathComponent, note: note)
        let plot = RunCurves.plot(
            [curves], title: "Training", subtitle: "\(curves.losses.count) steps on \(backend.name)")
        try plot.write(to: URL(fileURLWithPath: folder + "/figures/training.png"))
    }
}

/// Writes the events of a run to the tables, the checkpoint and the model folders of its run folder, and to its
/// journal. Ranks other than the first have no record and write nothing.
private struct Keeper {
    let trainer: Trainer
    let model: ModelDescription
    let data: DataFingerprint
    /// The model folder of the latest network.
    let latest: RunRecord.Model
    let checkpointFile: String
    var record: RunRecord?
    let tracking: RunTracking?

    mutating func keep(_ event: TrainingEvent, _ report: (TrainingRunEvent) -> Void) throws {
        try tracking?.log(event)
        switch event {
        case .iteration(let step):
            try record?.append(step)
            report(.step(step))
        case .model: try keepModel()
        case .validation(let result):
            try record?.append(result)
            report(.validation(result))
            if result.isBest {
                try save(as: .best)
                try tracking?.log(files: "model")
            }
        case .checkpoint:
            guard let record else { return }
            // A checkpoint implies that the steps before it are recorded.
            try record.sync()
            try tracking?.sync()
            try trainer.checkpoint(data: data).write(to: checkpointFile)
        }
    }

    /// Writes the current network with the weights that are validated.
    func keepModel() throws { try save(as: latest) }

    private func save(as kind: RunRecord.Model) throws {
        try trainer.withMeasuredWeights { try record?.save(model, trainer.network.store, as: kind) }
    }
}
