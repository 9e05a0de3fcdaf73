internal import Foundation
internal import SegCore

/// A JSON file that holds an object.
enum JSONDocument {
    /// The members of the object in a file.
    /// - Parameters:
    ///   - missing: What to say where the file cannot be read.
    ///   - form: What the object should hold.
    /// - Throws: `DataError` naming the file, with line and column where it is not JSON.
    static func members(
        of file: String, missing: String, form: String
    ) throws(DataError) -> [String: ConfigValue] {
        var status = stat()
        // A pipe would be waited for.
        guard stat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw DataError(.noInput, file, "cannot be read; \(missing)")
        }
        guard status.st_size <= Limits.documentBytes else {
            throw DataError(.badData, file, "has \(status.st_size) bytes; at most \(Limits.documentBytes) are read")
        }
        guard let data = FileManager.default.contents(atPath: file) else {
            throw DataError(.noInput, file, "cannot be read; \(missing)")
        }
        let value: ConfigValue
        do {
            value = try ConfigValue(json: data, from: file)
        } catch {
            throw error as? DataError ?? DataError(.badData, file, "is not valid JSON: \(error.systemReason)")
        }
        guard case .object(let members) = value else {
            throw DataError(.badData, file, "should be an object with \(form), not \(DatasetIndex.short(value))")
        }
        return members
    }
}
