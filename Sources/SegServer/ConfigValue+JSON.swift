internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
package import SegCore

extension ConfigValue {
    /// The member of an object.
    package subscript(key: String) -> ConfigValue? {
        members[key]
    }

    /// The members of an object; empty for any other value.
    var members: [String: ConfigValue] {
        guard case .object(let members) = self else { return [:] }
        return members
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// An integer, also if it was sent as `3.0` or `"3"`, as Slicer's table of options sends it.
    var int: Int? {
        switch self {
        case .int(let number): number
        case .double(let number): Int(exactly: number)
        case .string(let text): Int(text)
        default: nil
        }
    }

    /// A number, also if it was sent as text.
    var double: Double? {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
        case .string(let text): Double(text)
        default: nil
        }
    }

    var bool: Bool? {
        switch self {
        case .bool(let flag): flag
        case .string("true"), .string("True"): true
        case .string("false"), .string("False"): false
        default: nil
        }
    }
}

extension ConfigValue {
    /// Parses a document from a client.
    /// - Throws: `Refusal` naming the document if it is not valid JSON.
    init(parsing bytes: some Sequence<UInt8>, named name: String) throws {
        do {
            try self.init(json: Array(bytes), from: name)
        } catch let error as DataError {
            throw Refusal(.badRequest, error.description)
        }
    }

    /// The document as JSON text with sorted keys.
    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

extension ConfigValue {
    /// Refuses unknown members: a misspelt option would silently keep its default.
    /// - Throws: `Refusal` naming the unknown members and the known ones.
    func allowOnly(_ known: [String], in name: String) throws {
        try Refusal.refuseUnknown(members.keys.filter { !known.contains($0) }, in: name, kind: "key", known: known)
    }
}

extension Response {
    /// A response with a JSON document that must not be cached.
    static func json(_ document: ConfigValue, status: HTTPResponse.Status = .ok) -> Response {
        let body = (try? document.encoded()) ?? Data("{}".utf8)
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
