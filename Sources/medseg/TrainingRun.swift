import Foundation
import SegBackend
import SegCore
import SegData
import SegImaging
import SegInference
import SegModels
import SegNN
import SegReport
import SegTracking
import SegTrain

/// A training from prepared data to figures, in a run folder.
struct TrainingRun {
    private let configuration: TrainingConfiguration
    private let folder: String
    private let backend: any Backend
    private let quiet: Bool

    init(_ configuration: TrainingConfiguration, folder: String, on backend: any Backend, quiet: Bool) {
        self.configuration = configuration
        self.folder = folder
        self.backend = backend
        self.quiet = quiet
    }

    /// Trains, from the folder's checkpoint where that is asked for, and returns what there is to say of it.
    /// - Throws: `Interruption` after Ctrl-C, when the checkpoint is written.
    func run(resuming: Bool = false) throws -> String {
        let dataset = try Dataset(path: configuration.data)
        dataset.remarks.forEach(say)
        if case .share = configuration.validation { dataset.ownSplitNote.map(say) }
        let split =
            switch configuration.validation {
            case .share(let share): try dataset.split(validation: share, seed: configuration.seed)
            case .names(let names): try dataset.split(validation: names)
            case .file(let path): try dataset.split(CaseSplit(file: path))
            }
        let checkpoint = resuming ? try resumable() : nil
        let data = try DataFingerprint(split)
        try checkpoint.map { try data.checkResumes($0.data, source: checkpointFile) }
        // A network or window that does not fit should not wait for the reading of every case.
        _ = try configuration.model.makeNetwork(on: backend, seed: 0)
        configuration.cache.removeLeftovers()
        let training = try prepare(split.training, "training")
        let validation = try prepare(split.validation, "validation")
        let trainer = try Trainer(configuration, training: training, validation: validation, on: backend)
        (configuration.model.preprocessing.remarks + trainer.warnings).forEach(say)
        var model = configuration.model
        if model.labels.isEmpty { model.labels = dataset.labels }
        try model.check()
        var record = try RunRecord(
            folder: folder, configuration: configuration, split: split, from: checkpoint?.state, isResumed: resuming,
            note: note)
        if let checkpoint {
            try trainer.restore(checkpoint, seconds: record.seconds, source: checkpointFile)
            say("going on after step \(checkpoint.state.iteration)")
        }
        let tracking = try RunTracking(
            configuration.tracking, parameters: configuration.resolved, folder: folder, backend: backend,
            dataHash: data.digest, from: checkpoint?.state)
        defer { tracking.close() }
        let latest: RunRecord.Model = validation.isEmpty ? .best : .last
        var bar = ProgressBar("train", quiet: quiet)
        let signal = StopSignal()
        let end = try trainer.run(until: { signal.isRaised }) { event in
            try tracking.log(event)
            switch event {
            case .iteration(let step):
                try record.append(step)
                show(step, in: &bar)
            case .model:
                try record.save(model, trainer.network.store, as: latest)
            case .validation(let result):
                try record.append(result)
                bar.line(
                    String(
                        format: "step %d: validation Dice %.4f on the network's grid%@", result.iteration,
                        result.meanDice,
                        result.isBest ? " (best)" : ""))
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
        bar.finish()
        if end == .asked, let number = signal.number {
            try tracking.finish(.killed)
            throw Interruption(signal: number, step: trainer.state.iteration, folder: folder)
        }
        try record.save(model, trainer.network.store, as: latest)
        try draw()
        try tracking.log(files: "model", "last", "figures", "training.csv", "validation.csv", "validation_cases.csv")
        try tracking.finish(.finished)
        return summary(trainer, end, record)
    }

    private var checkpointFile: String { "\(folder)/checkpoint.safetensors" }

    /// The folder's checkpoint, if this configuration can go on from it; nil where none was written yet.
    private func resumable() throws -> Checkpoint? {
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
            say("the run was started on \(checkpoint.device); on \(device) its numbers may differ in the last bits")
        }
        return checkpoint
    }

    /// Renames what a run without a checkpoint has, so that the steps to come do not write over it.
    /// - Returns: The new names.
    private func putAside() throws -> [String] {
        let tables = ["training.csv", "validation.csv", "validation_cases.csv", "tracking"]
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

    private func say(_ text: String) {
        if !quiet { note(text) }
    }

    private func show(_ step: TrainingStep, in bar: inout ProgressBar) {
        bar.show(
            step.seconds / max(step.seconds + step.remaining, 1e-9),
            String(
                format: "step %d  loss %.4f  rate %.2e  %@ left", step.iteration, step.loss, step.learningRate,
                duration(step.remaining)))
    }

    private func prepare(_ cases: [DatasetCase], _ purpose: String) throws -> [PreparedCase] {
        var bar = ProgressBar("read \(purpose)", quiet: quiet)
        let classes = try configuration.model.classCount
        let prepared = try cases.enumerated().map { index, item in
            bar.show(Double(index) / Double(cases.count), item.name)
            return try configuration.cache.prepare(item, configuration.model.preprocessing, classes: classes)
        }
        bar.show(1, "\(cases.count) cases")
        bar.finish()
        return prepared
    }

    private func summary(_ trainer: Trainer, _ end: TrainingEnd, _ record: RunRecord) -> String {
        let state = trainer.state
        let best = state.bestDice.map { String(format: ", best validation Dice %.4f", $0) } ?? ""
        let waited = String(format: "waited %.1f %% of the time for data", 100 * trainer.shareWaited)
        let early = end == .noProgress ? " (stopped early: the validation Dice no longer rose)" : ""
        return "\(state.iteration) steps in \(duration(record.seconds))\(early)\(best), \(waited), "
            + "tensors took at most \(backend.memory.peak >> 20) MiB\nmodel: \(folder)/model\n"
            + "curves: \(folder)/figures/training.png, \(folder)/training.csv"
    }

    private func draw() throws {
        try OutputFolder.make(folder + "/figures")
        let curves = try RunCurves(folder: folder, name: URL(fileURLWithPath: folder).lastPathComponent)
        let plot = RunCurves.plot(
            [curves], title: "Training", subtitle: "\(curves.losses.count) steps on \(backend.name)")
        try plot.write(to: URL(fileURLWithPath: folder + "/figures/training.png"))
    }
}
