internal import Foundation
internal import SegBackend
internal import SegCore
package import SegTracking
package import SegTrain

/// The log of a training run: in the journal in its run folder, and on an MLflow server if one is configured.
final class RunTracking {
    private let tracker: RunTracker
    private let server: TrackingServer?
    private let folder: String
    private let classNames: [Int: String]
    private let note: @Sendable (String) -> Void
    private var isFinished = false

    /// Starts to log a run, or continues; parameters and tags are logged once.
    /// - Parameters:
    ///   - parameters: The whole configuration.
    ///   - classNames: The names of the classes, by label.
    ///   - dataHash: The hash that identifies the data.
    ///   - version: The version of the program.
    ///   - state: The state of the checkpoint from which the run continues; nil for a new run.
    ///   - note: Called, possibly on another thread, with remarks about journal and server for the user.
    init(
        _ options: TrackingOptions, parameters: ConfigValue, classNames: [Int: String], folder: String,
        backend: any Backend, dataHash: String, version: String, from state: TrainingState?,
        note: @escaping @Sendable (String) -> Void
    ) throws {
        let environment = ProcessInfo.processInfo.environment
        server = try TrackingServer(options, environment: environment)
        self.folder = folder
        self.classNames = classNames
        self.note = note
        if state == nil { try Journal.remove(runFolder: folder) }
        tracker = try RunTracker(
            runFolder: folder, name: options.runName ?? URL(fileURLWithPath: folder).lastPathComponent, server: server,
            note: note)
        let missing = tracker.missing("train/loss", through: state?.iteration ?? 0)
        if missing > 0 {
            note(
                "\(folder)/tracking: the journal lacks \(missing) steps up to the checkpoint; the run goes on")
        }
        guard !tracker.isContinued else { return }
        try tracker.log(parameters: parameters.flattened(leaving: "tracking"))
        var tags = [
            "medseg.device": "\(backend.name): \(backend.details)", "medseg.data_hash": dataHash,
            "medseg.version": version, "mlflow.source.type": "LOCAL",
            "mlflow.source.name": "medseg train", "mlflow.user": NSUserName(),
        ]
        tags["mlflow.source.git.commit"] = Self.gitCommit
        try tracker.log(tags: tags)
        try log(files: "config.json", "split.json")
    }

    /// Logs an event of a training run.
    func log(_ event: TrainingEvent) throws {
        switch event {
        case .iteration(let step):
            try tracker.log(
                metrics: [
                    "train/loss": step.loss, "train/learning_rate": step.learningRate, "train/seconds": step.seconds,
                ], step: step.iteration)
        case .validation(let result):
            var metrics: [String: Double] = [:]
            if !result.scores.mean.isNaN { metrics["validation/dice"] = result.scores.mean }
            // The names must not be below validation/dice: MLflow's file store keeps that as a file, which cannot also
            // be a folder.
            for (name, dice) in result.scores.cases { metrics["validation/case_dice/\(name)"] = dice }
            if result.scores.classes.count > 1 {
                for (label, dice) in result.scores.classes {
                    metrics["validation/class_dice/\(classNames[label] ?? "class \(label)")"] = dice
                }
            }
            try tracker.log(metrics: metrics, step: result.iteration)
        case .model, .checkpoint: break
        }
    }

    /// Waits until everything that was logged is on the disk.
    func sync() throws { try tracker.sync() }

    /// Logs files and folders of the run folder.
    func log(files: String...) throws {
        for file in files { try tracker.log(artifact: file) }
    }

    /// Logs the status of the finished run and notes the events that the server did not receive.
    func finish(_ status: RunStatus) throws {
        isFinished = true
        guard let waiting = try tracker.finish(status), waiting > 0, let server else { return }
        note(
            "\(waiting) events are not at \(server.uri); send them with: medseg track sync \(server.uri) \(folder)"
                + (server.experiment == TrackingServer.defaultExperiment ? "" : " --experiment '\(server.experiment)'"))
    }

    /// Logs an unfinished run as failed; meant for `defer`, in which an error of its own would hide the run's error.
    func close() {
        if !isFinished { try? finish(.failed) }
    }

    /// The commit of the current folder; nil if it is not a git checkout.
    private static var gitCommit: String? {
        let git = Process()
        let output = Pipe()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = ["git", "rev-parse", "HEAD"]
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        guard (try? git.run()) != nil else { return nil }
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        git.waitUntilExit()
        return git.terminationStatus == 0 ? text.trimmingCharacters(in: .whitespacesAndNewlines) : nil
    }
}

extension TrackingServer {
    /// The experiment of runs that give none.
    package static let defaultExperiment = "medseg"

    /// The server in the configuration, otherwise in the environment's MLFLOW_TRACKING_URI; nil if there is none.
    /// - Throws: `TrackingError.invalidServer`.
    package init?(_ options: TrackingOptions, environment: [String: String]) throws {
        guard let uri = options.uri ?? environment["MLFLOW_TRACKING_URI"], !uri.isEmpty else { return nil }
        try self.init(
            uri: uri,
            experiment: Self.experiment(options.experiment, environment), environment: environment)
    }

    /// The given experiment, otherwise the environment's MLFLOW_EXPERIMENT_NAME, otherwise `medseg`.
    package static func experiment(_ named: String?, _ environment: [String: String]) -> String {
        named ?? environment["MLFLOW_EXPERIMENT_NAME"] ?? defaultExperiment
    }
}

extension ConfigValue {
    /// The leaves of nested objects by their dotted keys; a list is one leaf.
    func flattened(leaving left: String) -> [String: String] {
        guard case .object(let entries) = self else { return [:] }
        var leaves: [String: String] = [:]
        for (key, value) in entries where key != left {
            if case .object = value {
                for (inner, leaf) in value.flattened(leaving: "") { leaves["\(key).\(inner)"] = leaf }
            } else if case .string(let text) = value {
                leaves[key] = text
            } else {
                leaves[key] = value.description
            }
        }
        return leaves
    }
}
