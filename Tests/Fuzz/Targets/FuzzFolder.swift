internal import Foundation

/// A temporary folder of one process for the files of its inputs.
public final class FuzzFolder: Sendable {
    let path: String

    /// Creates an empty folder.
    /// - Throws: An error of Foundation if it cannot be created.
    public init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-fuzz-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file over that of the last input, and returns its path.
    func write(_ bytes: some Collection<UInt8>, as name: String) throws -> String {
        let path = file(name)
        // The write is not atomic, because it is done a million times.
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Removes everything in the folder.
    func clear() throws {
        for name in try names() { try FileManager.default.removeItem(atPath: file(name)) }
    }

    /// The names in the folder, including hidden files.
    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path) }
}
