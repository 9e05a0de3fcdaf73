internal import Foundation
public import SegCore

/// Functions for the folder of results.
public enum OutputFolder {
    /// Runs work that fills the folder; if the work fails before it wrote anything, a folder that did not exist before
    /// is removed.
    /// - Throws: `DataError` if the folder cannot be created; errors of the work.
    public static func filling<Result>(_ path: String, _ work: () throws -> Result) throws -> Result {
        let wasThere = FileManager.default.fileExists(atPath: path)
        do {
            try make(path)
            return try work()
        } catch {
            // `rmdir` removes only an empty folder.
            if !wasThere { rmdir(path) }
            throw error
        }
    }

    /// Creates the folder if it does not exist.
    /// - Throws: `DataError` if the folder cannot be created or is not writable.
    public static func make(_ path: String) throws(DataError) {
        try DurableFile.makeFolder(path)
        guard FileManager.default.isWritableFile(atPath: path) else {
            throw DataError(.cannotWrite, path, "is not writable; give another folder or change its permissions")
        }
    }

    /// Writes text as a whole file or not at all; the file's folder is created if it is missing.
    /// - Throws: `DataError` naming the file or the folder.
    public static func write(_ text: String, to path: String) throws(DataError) {
        try make(URL(fileURLWithPath: path).deletingLastPathComponent().path)
        try DurableFile.write(Array(text.utf8), to: path)
    }
}
