public import Foundation

/// Reads regular files; it refuses pipes and devices, which may block a reader for ever.
public enum RegularFile {
    /// The first bytes of a file, at most `bytes`; nil if it is not a regular file or cannot be read.
    public static func head(of path: String, bytes: Int) -> [UInt8]? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let handle = FileHandle(forReadingAtPath: path)
        else { return nil }
        defer { try? handle.close() }
        return (try? handle.read(upToCount: bytes) ?? Data()).map(Array.init)
    }

    /// The bytes of a file. A pipe or a device is refused.
    ///
    /// The file is read, never mapped: reading mapped memory of a file that another process truncates ends the process.
    /// - Throws: `DataError` of the kind `noInput` naming the file.
    public static func contents(of path: String) throws(DataError) -> Data {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw DataError(.noInput, path, "cannot be read: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw DataError(.noInput, path, "cannot be read: it is not a regular file")
        }
        do {
            let url = URL(fileURLWithPath: path)
            // Foundation leaks 4 KiB for each file without a size that it reads into a `Data`.
            guard status.st_size > 0 else { return try FileHandle(forReadingFrom: url).readToEnd() ?? Data() }
            return try Data(contentsOf: url)
        } catch {
            throw DataError(.noInput, path, "cannot be read: \(error.systemReason)")
        }
    }
}
