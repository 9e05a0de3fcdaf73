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
