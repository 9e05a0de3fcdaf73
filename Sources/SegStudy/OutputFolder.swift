internal import Foundation
public import SegCore

/// A folder that results go to.
public enum OutputFolder {
    /// Does work that fills the folder; where it fails before it wrote anything, a folder that was not there goes.
    /// - Throws: `DataError` where the folder cannot be made; errors of the work.
    public static func filling<Result>(_ path: String, _ work: () throws -> Result) throws -> Result {
        let wasThere = FileManager.default.fileExists(atPath: path)
        do {
            try make(path)
            return try work()
        } catch {
            // Of a folder that holds something, `rmdir` removes nothing.
            if !wasThere { rmdir(path) }
            throw error
        }
    }

    /// Makes the folder if it is not there.
    /// - Throws: `DataError` where it cannot be made or written to.
    public static func make(_ path: String) throws(DataError) {
        try DurableFile.makeFolder(path)
        guard FileManager.default.isWritableFile(atPath: path) else {
            throw DataError(.cannotWrite, path, "is not writable; name another folder or change its permissions")
        }
    }

    /// Writes text as a whole file or not at all; the file's folder is made where it is missing.
    /// - Throws: `DataError` naming the file or the folder.
    public static func write(_ text: String, to path: String) throws(DataError) {
        try make(URL(fileURLWithPath: path).deletingLastPathComponent().path)
        try DurableFile.write(Array(text.utf8), to: path)
    }
}
