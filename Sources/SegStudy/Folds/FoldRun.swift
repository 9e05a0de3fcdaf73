internal import Foundation
internal import SegCore
public import SegData
internal import SegInference
public import SegNNUNet
public import SegTrain

/// A run folder that is one fold of a cross-validation.
public struct FoldRun {
    /// How far a training has come.
    public enum Standing: Hashable, Sendable {
        /// There is no run in the folder.
        case missing
        /// It was cut off before its first checkpoint.
        case begun
        /// It was cut off after a step.
        case stopped(step: Int, of: Int)
        /// It has come to its end.
        case trained
    }

    /// The run folder.
    public let folder: String
    /// What was trained.
    public let configuration: TrainingConfiguration
    /// Which cases were learnt from, and which set aside.
    public let split: CaseSplit
    /// How far it has come.
    public let standing: Standing
    /// The files that it was trained on, by content; nil before the first checkpoint.
    let data: DataFingerprint?
    /// The plans that it is of; nil for none.
    public let origin: NNUNetOrigin?

    /// Opens a run folder.
    /// - Throws: `DataError` naming the file that is missing or damaged.
    public init(folder: String) throws {
        self.folder = folder
        let file = "\(folder)/config.json"
        guard FileManager.default.fileExists(atPath: file) else {
            throw DataError(
                .noInput, folder, "is no run folder: it has no config.json; train the fold, or name its folder")
        }
        let configuration = try TrainingConfiguration(ConfigValue(jsonFile: file), source: file)
        self.configuration = configuration
        split = try CaseSplit(file: "\(folder)/split.json")
        origin = try NNUNetOrigin(run: folder)
        let checkpoint = try Self.checkpoint(in: folder)
        data = checkpoint?.data
        standing = checkpoint.map { Self.standing($0.state, configuration, folder) } ?? .begun
    }

    /// How far the run in a folder has come.
    /// - Throws: `DataError` naming the file that is damaged.
    public static func standing(of folder: String) throws -> Standing {
        guard FileManager.default.fileExists(atPath: "\(folder)/config.json") else { return .missing }
        return try FoldRun(folder: folder).standing
    }

    private static func checkpoint(in folder: String) throws -> Checkpoint? {
        let file = "\(folder)/checkpoint.safetensors"
        return FileManager.default.fileExists(atPath: file) ? try Checkpoint(file: file) : nil
    }

    private static func standing(
        _ state: TrainingState, _ configuration: TrainingConfiguration, _ folder: String
    ) -> Standing {
        let seconds = configuration.minutes.map { 60 * $0 }
        let isOver =
            state.isStopped || state.iteration >= configuration.iterations
            // The last checkpoint of a run that the clock ends comes with its last validation.
            || (seconds.map { limit in (Self.seconds(in: folder) ?? 0) >= limit && state.validatedAt == state.iteration
            }
                ?? false)
        return isOver ? .trained : .stopped(step: state.iteration, of: configuration.iterations)
    }

    /// Seconds until the last recorded step.
    private static func seconds(in folder: String) -> Double? {
        guard let bytes = FileManager.default.contents(atPath: "\(folder)/training.csv") else { return nil }
        let row = String(decoding: bytes, as: UTF8.self).split(separator: "\n").last?.split(separator: ",")
        return row.flatMap { $0.count > 1 ? Double($0[1]) : nil }
    }

    /// The folder of the network that the training ended with.
    var modelFolder: String { "\(folder)/\(RunRecord.Model.last.rawValue)" }

    /// What makes two runs folds of one cross-validation: everything that decides how they learn but for the split.
    var kind: ConfigValue {
        guard case .object(var entries) = configuration.resolved else { return .null }
        for key in ["data", "validation", "cache", "tracking", "checkpoint_every", "seed", "minutes", "init_from"] {
            entries[key] = nil
        }
        return .object(entries)
    }

    /// What tables call the configuration: that of the plans, else the folder's name, or that of the folder which holds
    /// `fold_0` and so on.
    var name: String {
        if let origin { return origin.configuration }
        let place = URL(fileURLWithPath: folder).standardizedFileURL
        let own = place.lastPathComponent
        return own.hasPrefix("fold") ? place.deletingLastPathComponent().lastPathComponent : own
    }
}
