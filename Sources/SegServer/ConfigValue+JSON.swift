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

    /// The members of an object; of anything else none.
    var members: [String: ConfigValue] {
        guard case .object(let members) = self else { return [:] }
        return members
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// A whole number, also one that was sent as `3.0` or `"3"`, as Slicer's table of options does.
    var int: Int? {
        switch self {
        case .int(let number): number
        case .double(let number): Int(exactly: number)
        case .string(let text): Int(text)
        default: nil
        }
    }

    var double: Double? {
        switch self {
        case .int(let number): Double(number)
        case .double(let number): number
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
    /// Reads a document that a client sent.
    /// - Throws: `Refusal` naming what the document stands for, where it is no JSON.
    init(parsing bytes: some Sequence<UInt8>, named name: String) throws {
        do {
            try self.init(json: Array(bytes), from: name)
        } catch let error as DataError {
            throw Refusal(.badRequest, error.description)
        }
    }

    /// The document as text with its keys in order.
    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self)
    }
}

extension ConfigValue {
    /// Refuses members that nobody reads: an option that is misspelt would silently keep its default.
    /// - Throws: `Refusal` naming them and the ones that are known.
    func allowOnly(_ known: [String], in name: String) throws {
        try Refusal.refuseUnknown(members.keys.filter { !known.contains($0) }, in: name, kind: "key", known: known)
    }
}

extension Response {
    /// A JSON document as an answer that nobody keeps.
    static func json(_ document: ConfigValue, status: HTTPResponse.Status = .ok) -> Response {
        let body = (try? document.encoded()) ?? Data("{}".utf8)
        return Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
