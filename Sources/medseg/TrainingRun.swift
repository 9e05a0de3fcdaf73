import Foundation
import SegBackend
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

    /// Trains and returns what there is to say of it.
    func run() throws -> String {
        let dataset = try Dataset(path: configuration.data)
        let split =
            switch configuration.validation {
            case .share(let share): try dataset.split(validation: share, seed: configuration.seed)
            case .names(let names): try dataset.split(validation: names)
            }
        // A network or window that does not fit should not wait for the reading of every case.
        _ = try configuration.model.makeNetwork(on: backend, seed: 0)
        let training = try prepare(split.training, "training")
        let validation = try prepare(split.validation, "validation")
        let trainer = try Trainer(configuration, training: training, validation: validation, on: backend)
        if !quiet { trainer.warnings.forEach(note) }
        var model = configuration.model
        if model.labels.isEmpty { model.labels = dataset.labels }
        let record = try RunRecord(folder: folder, configuration: configuration, split: split)
        let tracking = try RunTracking(
            configuration.tracking, parameters: configuration.document, folder: folder, backend: backend,
            dataHash: dataHash(of: split), resuming: false)
        defer { tracking.close() }
        var bar = ProgressBar("train", quiet: quiet)
        var losses: [TrainingStep] = []
        var validations: [ValidationResult] = []
        let steps = try trainer.run { event in
            try tracking.log(event)
            switch event {
            case .iteration(let step):
                losses.append(step)
                try record.append(step)
                if step.iteration % configuration.validateEvery == 0 {
                    try record.save(model, trainer.network.store, as: validation.isEmpty ? .model : .last)
                }
                let share = step.seconds / max(step.seconds + step.remaining, 1e-9)
                bar.show(
                    share,
                    String(
                        format: "step %d  loss %.4f  rate %.2e  %@ left", step.iteration, step.loss, step.learningRate,
                        duration(step.remaining)))
            case .validation(let result):
                validations.append(result)
                try record.append(result)
                bar.line(
                    String(
                        format: "step %d: validation Dice %.4f on the network's grid%@", result.iteration,
                        result.meanDice,
                        result.isBest ? " (best)" : ""))
                if result.isBest {
                    try record.save(model, trainer.network.store, as: .model)
                    try tracking.log(files: "model")
                }
            }
        }
        bar.finish()
        try record.save(model, trainer.network.store, as: validation.isEmpty ? .model : .last)
        try draw(steps: steps)
        try tracking.log(files: "model", "last", "figures", "training.csv", "validation.csv")
        try tracking.finish(.finished)
        let best = validations.map(\.meanDice).max().map { String(format: ", best validation Dice %.4f", $0) } ?? ""
        return "\(steps) steps in \(duration(losses.last?.seconds ?? 0))\(best), "
            + "tensors took at most \(backend.memory.peak >> 20) MiB\nmodel: \(folder)/model\n"
            + "curves: \(folder)/figures/training.png, \(folder)/training.csv"
    }

    private func prepare(_ cases: [DatasetCase], _ purpose: String) throws -> [PreparedCase] {
        var bar = ProgressBar("read \(purpose)", quiet: quiet)
        let classes = try configuration.model.classCount
        let prepared = try cases.enumerated().map { index, item in
            bar.show(Double(index) / Double(cases.count), item.name)
            return try PreparedCase(item, configuration.model.preprocessing, classes: classes)
        }
        bar.show(1, "\(cases.count) cases")
        bar.finish()
        return prepared
    }

    private func draw(steps: Int) throws {
        try OutputFolder.make(folder + "/figures")
        let curves = try RunCurves(folder: folder, name: URL(fileURLWithPath: folder).lastPathComponent)
        let plot = RunCurves.plot([curves], title: "Training", subtitle: "\(steps) steps on \(backend.name)")
        try plot.write(to: URL(fileURLWithPath: folder + "/figures/training.png"))
    }
}

/// The files that a training writes while it runs.
private struct RunRecord {
    /// A model folder of a run.
    enum Checkpoint: String {
        /// The best by validation, or the latest where nothing is set aside.
        case model
        /// The latest.
        case last
    }

    private let folder: String
    private let training: LineFile
    private let validation: LineFile

    init(folder: String, configuration: TrainingConfiguration, split: Dataset.Split) throws {
        self.folder = folder
        // What an earlier run left here must not pass for this one's.
        for checkpoint in [Checkpoint.model, .last] {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(checkpoint.rawValue)")
        }
        try OutputFolder.write(CaseSplit(split).json(), to: folder + "/split.json")
        try OutputFolder.write(configuration.document.jsonText(), to: folder + "/config.json")
        training = try LineFile(folder + "/training.csv", header: "step,seconds,learning_rate,loss")
        validation = try LineFile(folder + "/validation.csv", header: "step,case,dice")
    }

    func append(_ step: TrainingStep) throws {
        try training.append(
            String(format: "%d,%.3f,%.6e,%.7f", step.iteration, step.seconds, step.learningRate, step.loss))
    }

    func append(_ result: ValidationResult) throws {
        for (name, dice) in result.cases {
            try validation.append("\(result.iteration),\(name),\(String(format: "%.6f", dice))")
        }
        try validation.append("\(result.iteration),mean,\(String(format: "%.6f", result.meanDice))")
    }

    func save(_ model: ModelDescription, _ store: ParameterStore, as checkpoint: Checkpoint) throws {
        let place = "\(folder)/\(checkpoint.rawValue)"
        try OutputFolder.make(place)
        try OutputFolder.write(model.value.jsonText(), to: place + "/model.json")
        try Safetensors(tensors: store.state(), metadata: ["format": "pt"]).write(to: place + "/model.safetensors")
    }
}

/// A text file that grows line by line, so that a run can be watched and a stopped one keeps what it had.
private final class LineFile {
    private let handle: FileHandle
    private let path: String

    init(_ path: String, header: String) throws {
        self.path = path
        try OutputFolder.write(header + "\n", to: path)
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw ImagingError(.cannotWrite, path, "cannot be opened for writing")
        }
        self.handle = handle
        try handle.seekToEnd()
    }

    deinit { try? handle.close() }

    func append(_ line: String) throws {
        do {
            try handle.write(contentsOf: Data((line + "\n").utf8))
        } catch {
            throw ImagingError(.cannotWrite, path, "cannot be written: \(error.systemReason)")
        }
    }
}
