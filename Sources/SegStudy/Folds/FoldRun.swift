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
        let model = Self.modelFolder(folder, split)
        standing = checkpoint.map { Self.standing($0.state, configuration, model) } ?? .begun
    }

    /// How far the run in a folder has come.
    /// - Throws: `DataError` naming the file that is damaged.
    public static func standing(of folder: String) throws -> Standing {
        guard FileManager.default.fileExists(atPath: "\(folder)/config.json") else { return .missing }
        return try FoldRun(folder: folder).standing
    }

    /// Insists that the run is one that is asked for again.
    /// - Throws: `DataError` that lists what differs: the configuration, of a trained run its length as well, plans, data.
    public func check(is wanted: TrainingConfiguration, of plans: NNUNetOrigin?) throws {
        let dataset = try Dataset(path: wanted.data)
        let wanted = wanted.completed(by: dataset)
        let faults = FaultList(source: folder, key: nil)
        faults.part { try wanted.checkResumes(configuration.resolved, source: folder) }
        if standing == .trained { faults.part { try checkLength(wanted) } }
        faults.part {
            let (kept, asked) = (try origin?.files(), try plans?.files())
            guard kept?.map(\.content) == asked?.map(\.content) else {
                throw DataError(
                    .badData, folder, "is of other plans of nnU-Net than those named; name another folder with --out")
            }
        }
        if let data, wanted.data != configuration.data {
            faults.part { try DataFingerprint(dataset.split(split)).checkResumes(data, source: folder) }
        }
        try faults.finish()
    }

    /// Keys that may change when a training goes on, and cannot once it has come to its end.
    private func checkLength(_ wanted: TrainingConfiguration) throws {
        guard case .object(let new) = wanted.resolved, case .object(let old) = configuration.resolved else { return }
        let keys = ["iterations", "minutes", "early_stopping", "init_from", "validation"]
        let changes = keys.filter { new[$0] != old[$0] }.map { key in
            "\(key) was \(old[key] ?? .null) and is \(new[key] ?? .null)"
        }
        guard changes.isEmpty else {
            throw DataError(
                .badData, folder,
                "was trained otherwise: \(changes.joined(separator: "; ")); undo this, or name another folder with --out"
            )
        }
    }

    private static func checkpoint(in folder: String) throws -> Checkpoint? {
        let file = "\(folder)/checkpoint.safetensors"
        return FileManager.default.fileExists(atPath: file) ? try Checkpoint(file: file) : nil
    }

    private static func standing(
        _ state: TrainingState, _ configuration: TrainingConfiguration, _ modelFolder: String
    ) -> Standing {
        // More steps or more time may have been asked for since.
        let reaches = state.isStopped || state.iteration >= configuration.iterations || configuration.minutes != nil
        // Without its model, resuming writes it again.
        let hasModel = FileManager.default.fileExists(atPath: "\(modelFolder)/model.json")
        let isOver = reaches && state.hasEnded ?? (state.validatedAt == state.iteration) && hasModel
        return isOver ? .trained : .stopped(step: state.iteration, of: configuration.iterations)
    }

    /// The folder of the network that the training ended with.
    var modelFolder: String { Self.modelFolder(folder, split) }

    private static func modelFolder(_ folder: String, _ split: CaseSplit) -> String {
        let kind: RunRecord.Model = split.validation.isEmpty ? .best : .last
        return "\(folder)/\(kind.rawValue)"
    }

    /// Keys that say where things lie, what is measured meanwhile and what is kept, and the seed.
    private static let ownToAFold = [
        "data", "validation", "cache", "tracking", "checkpoint_every", "seed", "pseudo_dice", "validate_every",
        "early_stopping",
    ]

    /// What makes two runs folds of one cross-validation: everything that decides how they learn but for the split.
    var kind: ConfigValue {
        guard case .object(var entries) = configuration.resolved else { return .null }
        for key in Self.ownToAFold { entries[key] = nil }
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
