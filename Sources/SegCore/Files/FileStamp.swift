internal import Foundation

/// Which file is at a path, with its size and time of change: where two stamps differ, it was changed or replaced. Links
/// are followed.
public struct FileStamp: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int
    /// Seconds since 1970 of the last change.
    private let modified: Double
    private let mode: UInt32

    /// The stamp of a file or folder; nil where there is none.
    public init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int(status.st_size)
        modified = Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) * 1e-9
        mode = UInt32(status.st_mode)
    }

    /// Whether a path leads to a file: not to a folder, and not to a pipe that would be waited for.
    public static func isFile(_ path: String) -> Bool {
        FileStamp(path).map { $0.mode & UInt32(S_IFMT) == UInt32(S_IFREG) } ?? false
    }

    /// Whether both stand for one file or folder, in whatever state.
    public func isSameFile(as other: FileStamp) -> Bool { device == other.device && inode == other.inode }

    /// Whether a file can be renamed from one place to the other.
    public func isOnSameDisk(as other: FileStamp) -> Bool { device == other.device }

    /// Size and time of the last change, which are the same on every machine that shares the file.
    public var sizeAndTime: String { "\(size) \(modified)" }

    /// Whether the last change is so long ago that another would have another time: file systems count in steps.
    /// - Parameter seconds: The time now, since 1970.
    public func isSettled(at seconds: Double) -> Bool { abs(seconds - modified) > 2 }
}
