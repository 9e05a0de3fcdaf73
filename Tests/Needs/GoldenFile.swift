internal import Foundation

/// A file of `Tests/Golden`: the results of another program, written by a script of that folder.
public struct GoldenFile: Sendable {
    /// The path of the file.
    public let path: String

    /// A file by its name.
    public init(_ name: String) {
        path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Golden/\(name)").path
    }

    /// Decodes a file of JSON.
    /// - Throws: An error if the file is missing or has another form.
    public func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: URL(filePath: path)))
    }
}
