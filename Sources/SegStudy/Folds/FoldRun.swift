internal import Foundation
internal import SegCore
public import SegData
internal import SegInference
public import SegNNUNet
public import SegTrain

/// A run folder that is one fold of a cross-validation.
public struct FoldRun {
    /// The progress of a training run.
    public enum Standing: Hashable, Sendable {
        /// The folder contains no run.
        case missing
        /// The run was cut off before its first checkpoint.
        case begun
        /// The run was cut off after a step.
        case stopped(step: Int, of: Int)
        /// The run is finished.
        case trained
    }

    /// The run folder.
    public let folder: String
    /// The training configuration.
    public let configuration: TrainingConfiguration
    /// The training and validation cases of the run.
    public let split: CaseSplit
    /// The progress of the run.
    public let standing: Standing
    /// The files that the run was trained on, by content; nil before the first checkpoint.
    let data: DataFingerprint?
    /// The nnU-Net plans of the run; nil for none.
    public let origin: NNUNetOrigin?

    /// Opens a run folder.
    /// - Throws: `DataError` naming the file that is missing or damaged.
    public init(folder: String) throws {
        self.folder = folder
        let file = "\(folder)/config.json"
        guard FileManager.default.fileExists(atPath: file) else {
            throw DataError(
                .noInput, folder, "is not a run folder: it has no config.json; train the fold, or give its folder")
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

    /// The progress of the run in a folder.
    /// - Throws: `DataError` naming the file that is damaged.
    public static func standing(of folder: String) throws -> Standing {
        guard FileManager.default.fileExists(atPath: "\(folder)/config.json") else { return .missing }
        return try FoldRun(folder: folder).standing
    }

    /// Checks that the run is the one that is requested now.
    /// - Throws: `DataError` that lists the differences: the configuration, the length of a finished run, plans, data.
    public func check(is wanted: TrainingConfiguration, of plans: NNUNetOrigin?) throws {
        let dataset = try Dataset(path: wanted.data)
        let wanted = try wanted.completed(by: dataset).measured(asIn: configuration.resolved, source: folder)
        let faults = FaultList(source: folder, key: nil)
        faults.part { try wanted.checkResumes(configuration.resolved, source: folder) }
        if standing == .trained { faults.part { try checkLength(wanted) } }
        faults.part {
            let (kept, asked) = (try origin?.files(), try plans?.files())
            guard kept?.map(\.content) == asked?.map(\.content) else {
                throw DataError(
                    .badData, folder, "has other nnU-Net plans than the given plans; give another folder with --out")
            }
        }
        if let data, wanted.data != configuration.data {
            faults.part { try DataFingerprint(dataset.split(split)).checkResumes(data, source: folder) }
        }
        try faults.finish()
    }

    /// Checks keys that may change when a run is resumed, but not once the run is finished.
    private func checkLength(_ wanted: TrainingConfiguration) throws {
        guard case .object(let new) = wanted.resolved, case .object(let old) = configuration.resolved else { return }
        let keys = ["iterations", "minutes", "early_stopping", "init_from", "validation"]
        let changes = keys.filter { new[$0] != old[$0] }.map { key in
            "\(key) was \(old[key] ?? .null) and is \(new[key] ?? .null)"
        }
        guard changes.isEmpty else {
            throw DataError(
                .badData, folder,
                "was trained differently: \(changes.joined(separator: "; ")); undo this, or use another --out"
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
        // The number of steps or the time may have been increased since.
        let reaches = state.isStopped || state.iteration >= configuration.iterations || configuration.minutes != nil
        // If the model is missing, resuming writes it again.
        let hasModel = FileManager.default.fileExists(atPath: "\(modelFolder)/model.json")
        let isOver = reaches && state.hasEnded ?? (state.validatedAt == state.iteration) && hasModel
        return isOver ? .trained : .stopped(step: state.iteration, of: configuration.iterations)
    }

    /// The model folder of the final network.
    var modelFolder: String { Self.modelFolder(folder, split) }

    private static func modelFolder(_ folder: String, _ split: CaseSplit) -> String {
        let kind: RunRecord.Model = split.validation.isEmpty ? .best : .last
        return "\(folder)/\(kind.rawValue)"
    }

    /// Keys for paths, for the validation during training, for the kept checkpoints, and for the seed.
    private static let ownToAFold = [
        "data", "validation", "cache", "tracking", "checkpoint_every", "seed", "pseudo_dice", "validate_every",
        "early_stopping",
    ]

    /// The part of the configuration that is the same in all folds of one cross-validation: everything that affects
    /// training except the split.
    var kind: ConfigValue {
        guard case .object(var entries) = configuration.resolved else { return .null }
        for key in Self.ownToAFold { entries[key] = nil }
        return .object(entries)
    }

    /// The name of the configuration in tables. If the run has nnU-Net plans, it is the name in the plans; otherwise it
    /// is the folder's name, or, for a folder such as `fold_0`, the name of the folder that contains it.
    var name: String {
        if let origin { return origin.configuration }
        let place = URL(fileURLWithPath: folder).standardizedFileURL
        let own = place.lastPathComponent
        return own.hasPrefix("fold") ? place.deletingLastPathComponent().lastPathComponent : own
    }
}
