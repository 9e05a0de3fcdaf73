internal import Foundation
public import SegCore

/// Access to a run folder, which only one process may write at a time.
public enum RunFolder {
    /// Runs work while no other process trains into the folder; the lock of a process that dies is released.
    /// - Throws: `RunIsBusy`, with nothing changed; errors of the work.
    public static func alone<Result>(in folder: String, _ work: () throws -> Result) throws -> Result {
        guard let lock = try FileLock("\(folder)/\(lockName)") else { throw RunIsBusy(folder: folder) }
        // A checkpoint survives a power cut only if the name of its folder is on the disk too.
        DurableFile.syncFolder(of: folder)
        return try withExtendedLifetime(lock) {
            let places = ["figures"] + RunRecord.Model.allCases.map(\.rawValue)
            for place in [folder] + places.map({ "\(folder)/\($0)" }) { removeLeftovers(in: place) }
            return try work()
        }
    }

    /// Whether a name in a folder is a leftover: the lock, or the unfinished file of a killed run.
    public static func isLeftover(_ name: String) -> Bool {
        name == lockName || DurableFile.isUnfinished(name) || isOlderLeftover(name)
    }

    /// Whether a file has the name of an unfinished file that version 222aa07 left behind.
    private static func isOlderLeftover(_ name: String) -> Bool {
        let files = ["checkpoint.safetensors", "config.json", "split.json", "model.json", "model.safetensors"]
        let tables = ["training.csv", "validation.csv", "validation_cases.csv"]
        return (files + tables).contains { name == ".\($0).new" }
            || (name.hasPrefix(".training.png.") && name.hasSuffix(".part"))
    }

    private static func removeLeftovers(in folder: String) {
        DurableFile.removeLeftovers(in: folder)
        // Unfinished files of 222aa07 have no lock, but the run's own lock shows that no process writes them.
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

    /// A sentence with the folder and what to do.
    public var description: String {
        "\(folder): another process is training into this folder; wait for it to end, or start another run with --out"
    }

    /// The exit code for something in use.
    public var exitStatus: ExitStatus { .unavailable }
}
