internal import Foundation

/// The identity of a file with its size and modification time: if two stamps differ, the file was changed or replaced.
/// Symbolic links are followed.
public struct FileStamp: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int
    /// The modification time in seconds since 1970.
    private let modified: Double
    private let mode: UInt32

    /// The stamp of a file or folder; nil if it does not exist.
    public init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        modified = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) * 1e-9
        mode = UInt32(status.st_mode)
    }

    /// Whether a path leads to a regular file, not to a folder or to a pipe that would block a reader.
    public static func isFile(_ path: String) -> Bool {
        FileStamp(path).map { $0.mode & UInt32(S_IFMT) == UInt32(S_IFREG) } ?? false
    }

    /// Whether both are stamps of the same file or folder, at any time.
    public func isSameFile(as other: FileStamp) -> Bool { device == other.device && inode == other.inode }

    /// Whether both files are on one file system, so a file can be renamed from one path to the other.
    public func isOnSameDisk(as other: FileStamp) -> Bool { device == other.device }

    /// The size and the modification time, which are the same on every machine that shares the file.
    public var sizeAndTime: String { "\(size) \(modified)" }

    /// Whether the last change is old enough for a further change to have another time: file systems store times in
    /// coarse steps.
    /// - Parameter seconds: The current time in seconds since 1970.
    public func isSettled(at seconds: Double) -> Bool { abs(seconds - modified) > 2 }
}
