import Foundation
import SegCore
import SegData
import SegImaging
import SegInference
import SegModels
import SegNN
import SegTrain

/// The files that a training writes while it runs, but for the checkpoint.
struct RunRecord {
    /// A model folder of a run.
    enum Model: String {
        /// The best by validation, or the latest where nothing is set aside.
        case best = "model"
        /// The latest.
        case last
    }

    private let folder: String
    private let training: LineFile
    private let validation: LineFile
    private let validationCases: LineFile
    /// Loss by step.
    private(set) var losses: [(Double, Double)] = []
    /// Mean validation Dice by step.
    private(set) var dice: [(Double, Double)] = []
    /// Seconds until the last step.
    private(set) var seconds = 0.0

    /// Starts a record, or goes on with one: what it says of steps after the checkpoint is left out.
    init(
        folder: String, configuration: TrainingConfiguration, split: Dataset.Split, from state: TrainingState?
    ) throws {
        self.folder = folder
        if state == nil {
            // What an earlier run left here must not pass for this one's.
            for name in ["checkpoint.safetensors", Model.best.rawValue, Model.last.rawValue] {
                try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            }
        }
        try OutputFolder.write(split.names(source: folder).json(), to: folder + "/split.json")
        try OutputFolder.write(configuration.resolved.jsonText(), to: folder + "/config.json")
        training = try LineFile(
            folder + "/training.csv", header: "step,seconds,learning_rate,loss", upTo: state?.iteration ?? 0)
        // The mean stands in a file of its own, so that whoever plots it finds one row a step.
        validation = try LineFile(folder + "/validation.csv", header: "step,dice", upTo: state?.validatedAt ?? 0)
        validationCases = try LineFile(
            folder + "/validation_cases.csv", header: "step,case,dice", upTo: state?.validatedAt ?? 0)
        for row in training.kept {
            losses.append((Double(row[0]) ?? 0, Double(row[3]) ?? 0))
            seconds = Double(row[1]) ?? 0
        }
        for row in validation.kept { dice.append((Double(row[0]) ?? 0, Double(row[1]) ?? 0)) }
    }

    mutating func append(_ step: TrainingStep) throws {
        losses.append((Double(step.iteration), step.loss))
        seconds = step.seconds
        try training.append(
            String(format: "%d,%.3f,%.6e,%.7f", step.iteration, step.seconds, step.learningRate, step.loss))
    }

    mutating func append(_ result: ValidationResult) throws {
        dice.append((Double(result.iteration), result.meanDice))
        for (name, dice) in result.cases {
            try validationCases.append(CSVRow(["\(result.iteration)", name, String(format: "%.6f", dice)]).text)
        }
        try validation.append("\(result.iteration),\(String(format: "%.6f", result.meanDice))")
    }

    func save(_ model: ModelDescription, _ store: ParameterStore, as kind: Model) throws {
        let place = "\(folder)/\(kind.rawValue)"
        try OutputFolder.make(place)
        try OutputFolder.write(model.value.jsonText(), to: place + "/model.json")
        try Safetensors(tensors: store.state(), metadata: ["format": "pt"]).write(to: place + "/model.safetensors")
    }
}

/// A table that grows line by line, so that a run can be watched and a stopped one keeps what it had.
private final class LineFile {
    /// The cells of the rows that were there and stay.
    let kept: [[String]]
    private let handle: FileHandle
    private let path: String

    /// Opens a file with the whole rows it has of steps up to a number.
    init(_ path: String, header: String, upTo step: Int) throws {
        self.path = path
        let columns = header.split(separator: ",").count
        let text = step > 0 ? (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" : ""
        kept = CSVRow.rows(of: text).dropFirst().map(\.cells).filter { row in
            guard row.count == columns, let number = Int(row[0]) else { return false }
            return number <= step
        }
        let body = ([header] + kept.map { CSVRow($0).text }).joined(separator: "\n")
        try OutputFolder.write(body + "\n", to: path)
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw DataError(.cannotWrite, path, "cannot be opened for writing")
        }
        self.handle = handle
        try handle.seekToEnd()
    }

    deinit { try? handle.close() }

    func append(_ line: String) throws {
        do {
            try handle.write(contentsOf: Data((line + "\n").utf8))
        } catch {
            throw DataError(.cannotWrite, path, "cannot be written: \(error.systemReason)")
        }
    }
}
