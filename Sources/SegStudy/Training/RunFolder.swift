internal import Foundation
public import SegCore

/// A run folder that one process alone writes.
public enum RunFolder {
    /// Does work while no other process trains into the folder; a process that dies keeps nobody out.
    /// - Throws: `RunIsBusy`, with nothing touched; errors of the work.
    public static func alone<Result>(in folder: String, _ work: () throws -> Result) throws -> Result {
        guard let lock = try FileLock("\(folder)/\(lockName)") else { throw RunIsBusy(folder: folder) }
        // A checkpoint is no safer than the name of its folder.
        DurableFile.syncFolder(of: folder)
        return try withExtendedLifetime(lock) {
            let places = ["figures"] + RunRecord.Model.allCases.map(\.rawValue)
            for place in [folder] + places.map({ "\(folder)/\($0)" }) { removeLeftovers(in: place) }
            return try work()
        }
    }

    /// Whether a name in a folder belongs to nobody: the lock, or the unfinished file of a killed training.
    public static func isLeftover(_ name: String) -> Bool {
        name == lockName || DurableFile.isUnfinished(name) || isOlderLeftover(name)
    }

    /// Whether a name is that of a file of a run which 222aa07 had not finished.
    private static func isOlderLeftover(_ name: String) -> Bool {
        let files = ["checkpoint.safetensors", "config.json", "split.json", "model.json", "model.safetensors"]
        let tables = ["training.csv", "validation.csv", "validation_cases.csv"]
        return (files + tables).contains { name == ".\($0).new" }
            || (name.hasPrefix(".training.png.") && name.hasSuffix(".part"))
    }

    private static func removeLeftovers(in folder: String) {
        DurableFile.removeLeftovers(in: folder)
        // Those of 222aa07 held no lock; the run's own lock tells that nobody writes them.
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where isOlderLeftover(name) {
            unlink("\(folder)/\(name)")
        }
    }

    private static let lockName = ".lock"
}

/// A run folder that another process trains into.
public struct RunIsBusy: CodedError, CustomStringConvertible {
    /// The folder.
    public let folder: String

    /// One sentence that names the folder and says what to do.
    public var description: String {
        "\(folder): another process is training into this folder; wait for it to end, or start another run with --out"
    }

    /// The code of what is in use.
    public var exitStatus: ExitStatus { .unavailable }
}
