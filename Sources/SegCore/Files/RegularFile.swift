public import Foundation

/// Reads whole files.
public enum RegularFile {
    /// The bytes of a file; those of a large one are mapped.
    ///
    /// A pipe or a device is refused: reading one may wait for ever.
    /// - Throws: `DataError` of the kind `noInput` naming the file.
    public static func contents(of path: String) throws(DataError) -> Data {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw DataError(.noInput, path, "cannot be read: \(String(cString: strerror(errno)))")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw DataError(.noInput, path, "cannot be read: it is no regular file")
        }
        do {
            let url = URL(fileURLWithPath: path)
            // Foundation loses 4 KiB for each file without a size that it reads into a Data.
            guard status.st_size > 0 else { return try FileHandle(forReadingFrom: url).readToEnd() ?? Data() }
            return try Data(contentsOf: url, options: .mappedIfSafe)
        } catch {
            throw DataError(.noInput, path, "cannot be read: \(error.systemReason)")
        }
    }
}
