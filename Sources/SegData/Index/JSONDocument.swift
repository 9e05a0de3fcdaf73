internal import Foundation
internal import SegCore

/// A JSON file that contains an object.
enum JSONDocument {
    /// The members of the object in a file.
    /// - Parameters:
    ///   - missing: The text of the error if the file cannot be read.
    ///   - form: The expected members of the object, for the error.
    /// - Throws: `DataError` naming the file, with line and column if it is not JSON.
    static func members(
        of file: String, missing: String, form: String
    ) throws(DataError) -> [String: ConfigValue] {
        let data: Data
        do throws(DataError) {
            data = try RegularFile.contents(of: file)
        } catch {
            throw DataError(error.kind, file, "\(error.message); \(missing)")
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
