internal import Foundation

/// A file that grows line by line: it can be watched, and it keeps its lines if the writer is killed.
public final class GrowingFile {
    private let path: String
    private let descriptor: Int32
    private var length: Int

    /// Opens a file to append to it, or creates it.
    /// - Throws: `DataError` naming the file.
    public init(_ path: String) throws(DataError) {
        self.path = path
        descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw DurableFile.unwritable(path) }
        length = Int(lseek(descriptor, 0, SEEK_END))
        DurableFile.syncFolder(of: path)
    }

    deinit { close(descriptor) }

    /// Appends a line, given without its line break; if the line does not fit on the disk, no part of it remains.
    /// - Throws: `DataError` naming the file.
    public func append(_ line: some Sequence<UInt8>) throws(DataError) {
        let bytes = Array(line) + [UInt8(ascii: "\n")]
        guard bytes.withUnsafeBytes({ DurableFile.writeAll($0, to: descriptor) }) else {
            let error = DurableFile.unwritable(path)
            ftruncate(descriptor, off_t(length))
            throw error
        }
        length += bytes.count
    }

    /// Waits until every line is on the disk.
    /// - Throws: `DataError` naming the file.
    public func sync() throws(DataError) {
        guard fsync(descriptor) == 0 else { throw DurableFile.unwritable(path) }
    }

    /// Appends unreadable bytes of a file to a second file beside it.
    /// - Returns: The path of the second file, `PATH.damaged`.
    /// - Throws: `DataError` naming the second file.
    public static func putAside(_ bytes: [UInt8], of path: String) throws(DataError) -> String {
        let aside = path + ".damaged"
        let file = try GrowingFile(aside)
        try file.append(bytes)
        try file.sync()
        return aside
    }
}
