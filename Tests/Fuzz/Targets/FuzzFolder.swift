internal import Foundation

/// A folder of a process for the files of its inputs, in the temporary folder.
public final class FuzzFolder: Sendable {
    let path: String

    /// Makes an empty folder.
    /// - Throws: An error of Foundation where it cannot be made.
    public init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-fuzz-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file over the one of the last input, and returns its path.
    func write(_ bytes: some Collection<UInt8>, as name: String) throws -> String {
        let path = file(name)
        // No atomic write: this is done a million times.
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Removes everything in it.
    func clear() throws {
        for name in try names() { try FileManager.default.removeItem(atPath: file(name)) }
    }

    /// What lies in it, hidden files too.
    func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path) }
}
