internal import Foundation

/// A file system of a few pages in memory, or one that refuses every write; mounting it needs root on Linux.
public final class SmallDisk {
    /// The folder that the file system is mounted at.
    public let path: String

    /// Whether this process may mount one; tests that need it are skipped otherwise.
    public static let isAllowed = (try? SmallDisk(options: "size=64k")) != nil

    /// Mounts a tmpfs with options such as `size=64k` or `ro`.
    /// - Throws: An error if this process may not mount one.
    public init(options: String) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("medseg-disk-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard try Self.run("/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", path) == 0 else {
            try? FileManager.default.removeItem(atPath: path)
            throw CocoaError(.fileWriteNoPermission)
        }
    }

    deinit {
        _ = try? Self.run("/bin/umount", path)
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func run(_ tool: String, _ arguments: String...) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tool)
        process.arguments = arguments
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
    }

    /// Every file on the disk, by path.
    public var files: [String] {
        (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).filter {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path + "/" + $0, isDirectory: &isFolder)
                && !isFolder.boolValue
        }.sorted()
    }

    /// Fills the disk except for some bytes.
    public func fill(leaving bytes: Int) throws {
        let free = try FileManager.default.attributesOfFileSystem(forPath: path)[.systemFreeSize] as? Int ?? 0
        try Data(repeating: 1, count: max(0, free - bytes)).write(to: URL(fileURLWithPath: path + "/filler"))
    }
}
