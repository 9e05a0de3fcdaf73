internal import Foundation

/// Replaces files atomically: after a crash of the process or the machine, the old or the new content is complete.
///
/// The order is: write beside the file, fsync, rename, fsync the folder. Pillai et al., "All File Systems Are Not
/// Created Equal", OSDI 2014, show the purpose of each step.
public enum DurableFile {
    /// Replaces a file with the given bytes.
    /// - Throws: `DataError` naming the file; its old content is then unchanged.
    public static func write(_ bytes: some Collection<UInt8>, to path: String) throws(DataError) {
        try replace(path) { temporary throws(DataError) in
            let descriptor = open(temporary, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { throw unwritable(path) }
            defer { close(descriptor) }
            let whole = bytes.withContiguousStorageIfAvailable { writeAll(UnsafeRawBufferPointer($0), to: descriptor) }
            guard whole ?? Array(bytes).withUnsafeBytes({ writeAll($0, to: descriptor) }) else {
                throw unwritable(path)
            }
        }
    }

    /// Replaces a file with the file that `body` writes.
    /// - Parameter body: Receives the path of an empty file beside the target, and opens and fills this file.
    /// - Throws: `DataError` naming the file, or the error of `body`; the old content is then unchanged.
    public static func replace(_ path: String, _ body: (String) throws(DataError) -> Void) throws(DataError) {
        let (temporary, descriptor) = try makeTemporary(for: path)
        // Closing releases the lock. Only a file in progress is locked, not a file that a killed process left.
        defer { close(descriptor) }
        do throws(DataError) {
            try body(temporary)
            guard fsync(descriptor) == 0, rename(temporary, path) == 0 else { throw unwritable(path) }
        } catch {
            unlink(temporary)
            throw error
        }
        syncFolder(of: path)
    }

    /// Moves a file to another path on the same file system, after its bytes are on the disk.
    /// - Throws: `DataError` naming the target; the file then keeps its old path.
    public static func move(_ source: String, to target: String) throws(DataError) {
        try sync(source)
        guard rename(source, target) == 0 else { throw unwritable(target) }
        syncFolder(of: target)
        syncFolder(of: source)
    }

    /// Waits until the bytes of a file are on the disk.
    /// - Throws: `DataError` naming the file.
    public static func sync(_ path: String) throws(DataError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unwritable(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw unwritable(path) }
    }

    /// Waits until the names in the folder of a file are on the disk. Errors are ignored because some file systems do
    /// not support this.
    public static func syncFolder(of path: String) {
        let descriptor = open(folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// Creates a folder and its missing parent folders.
    /// - Throws: `DataError` naming the folder.
    public static func makeFolder(_ path: String) throws(DataError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw DataError(.cannotWrite, path, "the folder cannot be created: \(error.systemReason)")
        }
    }

    /// Whether a name is the temporary name of a file that is still being written.
    public static func isUnfinished(_ name: String) -> Bool { name.hasPrefix(".") && name.hasSuffix(ending) }

    /// Removes from a folder the unfinished files of killed processes.
    public static func removeLeftovers(in folder: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where isUnfinished(name) {
            let file = "\(folder)/\(name)"
            let descriptor = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            // A writer holds its lock until the file has its final name.
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(file) }
            close(descriptor)
        }
    }

    private static let ending = ".unfinished"

    private static func folder(of path: String) -> String {
        URL(fileURLWithPath: path).deletingLastPathComponent().path
    }

    /// Creates a new, empty and locked file beside the target.
    private static func makeTemporary(for path: String) throws(DataError) -> (path: String, descriptor: Int32) {
        let name = URL(fileURLWithPath: path).lastPathComponent
        while true {
            // A file name has at most 255 bytes.
            let random = String(UInt64.random(in: .min ... .max), radix: 36)
            let start = String(decoding: name.utf8.prefix(60), as: UTF8.self)
            let temporary = "\(folder(of: path))/.\(start).\(random)\(ending)"
            let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
            if descriptor < 0, errno == EEXIST { continue }
            guard descriptor >= 0 else { throw unwritable(path) }
            flock(descriptor, LOCK_EX)
            // Another process may have removed the file as a leftover before this process locked it.
            var status = stat()
            if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return (temporary, descriptor) }
            close(descriptor)
        }
    }

    /// Writes every byte; returns false, with `errno` set, if that fails.
    package static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = systemWrite(descriptor, bytes.baseAddress! + written, bytes.count - written)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    /// Creates an error about a file with the reason in `errno`.
    public static func unwritable(_ path: String) -> DataError {
        let reason = errno
        return DataError(.cannotWrite, path, "cannot be written: \(String(cString: strerror(reason)))")
    }
}

/// Calls write(2). Inside `DurableFile`, the name `write` means the enumeration's own function.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
