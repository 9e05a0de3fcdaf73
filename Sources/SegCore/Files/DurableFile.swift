internal import Foundation

/// A file that is replaced as a whole, whatever happens to the process or the machine meanwhile.
///
/// The order is: write beside the file, fsync, rename, fsync the folder. Pillai et al., "All File Systems Are Not
/// Created Equal", OSDI 2014, show what each step is for.
public enum DurableFile {
    /// Replaces a file by the given bytes.
    /// - Throws: `DataError` naming the file; what stood there before is untouched.
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

    /// Replaces a file by what the body writes.
    /// - Parameter body: Receives the path of an empty file beside the target, which it opens and fills.
    /// - Throws: `DataError` naming the file, or what the body throws; what stood there before is untouched.
    public static func replace(_ path: String, _ body: (String) throws(DataError) -> Void) throws(DataError) {
        let (temporary, descriptor) = try makeTemporary(for: path)
        // Closing gives up the lock that tells a file being written from one that a killed process left.
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

    /// Moves a file to another place on the same file system, its bytes first.
    /// - Throws: `DataError` naming the target; the file is then still where it was.
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

    /// Waits until the names in the folder of a file are on the disk. Errors are ignored, for some file systems cannot do
    /// this.
    public static func syncFolder(of path: String) {
        let descriptor = open(folder(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// Makes a folder, and those that it lies in, where they are missing.
    /// - Throws: `DataError` naming it.
    public static func makeFolder(_ path: String) throws(DataError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw DataError(.cannotWrite, path, "the folder cannot be made: \(error.systemReason)")
        }
    }

    /// Whether a name is one that a writer gives its file until it is whole.
    public static func isUnfinished(_ name: String) -> Bool { name.hasPrefix(".") && name.hasSuffix(ending) }

    /// Removes from a folder the unfinished files of processes that were killed.
    public static func removeLeftovers(in folder: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        for name in names where isUnfinished(name) {
            let file = "\(folder)/\(name)"
            let descriptor = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard descriptor >= 0 else { continue }
            // A writer holds its lock until its file has its name.
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(file) }
            close(descriptor)
        }
    }

    private static let ending = ".unfinished"

    private static func folder(of path: String) -> String {
        URL(fileURLWithPath: path).deletingLastPathComponent().path
    }

    /// A new, empty and locked file beside the target.
    private static func makeTemporary(for path: String) throws(DataError) -> (path: String, descriptor: Int32) {
        let name = URL(fileURLWithPath: path).lastPathComponent
        while true {
            // A name has at most 255 bytes.
            let random = String(UInt64.random(in: .min ... .max), radix: 36)
            let start = String(decoding: name.utf8.prefix(60), as: UTF8.self)
            let temporary = "\(folder(of: path))/.\(start).\(random)\(ending)"
            let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
            if descriptor < 0, errno == EEXIST { continue }
            guard descriptor >= 0 else { throw unwritable(path) }
            flock(descriptor, LOCK_EX)
            // Somebody may have taken it for a leftover before it was locked.
            var status = stat()
            if fstat(descriptor, &status) == 0, status.st_nlink > 0 { return (temporary, descriptor) }
            close(descriptor)
        }
    }

    /// Writes every byte; false, with `errno` set, where that fails.
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

    /// An error about a file, for the reason that the system's last call gave in `errno`.
    public static func unwritable(_ path: String) -> DataError {
        let reason = errno
        return DataError(.cannotWrite, path, "cannot be written: \(String(cString: strerror(reason)))")
    }
}

/// `write(2)`, whose name the type above uses for itself.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
