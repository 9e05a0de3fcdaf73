internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import SegCore

/// A form that has arrived whole: its fields, and its files on disk.
struct MultipartForm {
    /// Values of the fields that are no files.
    private(set) var fields: [String: String] = [:]
    /// Files in the order they came, with the names of their fields.
    private(set) var files: [(field: String, sink: FileSink)] = []

    /// The one file of the form under any of some names.
    /// - Throws: `Refusal` where there is none or more than one.
    func onlyFile(_ names: String...) throws -> FileSink {
        let found = files.filter { names.contains($0.field) }
        guard let first = found.first, found.count == 1 else {
            throw Refusal(
                .badRequest, "the form should have one file named '\(names[0])', and has \(found.count)")
        }
        return first.sink
    }

    /// The JSON object of a field; an empty one where the field is not there.
    /// - Throws: `Refusal` where it is no JSON object.
    func object(_ name: String) throws -> ConfigValue {
        guard let text = fields[name], !text.isEmpty else { return [:] }
        let document = try ConfigValue(parsing: text.utf8, named: "the field '\(name)'")
        guard case .object = document else { throw Refusal(.badRequest, "the field '\(name)' should be an object") }
        return document
    }
}

extension MultipartForm {
    /// Reads a form as it arrives; files go to disk under names of the server's.
    /// - Throws: `Refusal` where the body is too large, cut off or no form, or where it cannot be stored.
    init(_ body: RequestBody, headers: HTTPFields, into scratch: Scratch, limits: ServerLimits) async throws {
        var parser = try MultipartParser(contentType: headers[.contentType])
        var meter = try BodyMeter(headers: headers, limit: limits.bodyBytes)
        var open: OpenPart?
        for try await buffer in body {
            try meter.count(buffer.readableBytes)
            var events: [MultipartParser.Event] = []
            try parser.consume(buffer.readableBytesView) { events.append($0) }
            for event in events {
                switch event {
                case .began(let head): open = try OpenPart(head, scratch: scratch)
                case .bytes(let bytes): try await open?.append(bytes, limit: limits.fieldBytes)
                case .ended:
                    if let part = open { try await add(part) }
                    open = nil
                }
            }
        }
        try meter.finish()
        guard parser.isFinished else { throw Refusal(.badRequest, "the form was cut off; send it again") }
    }

    private mutating func add(_ part: OpenPart) async throws {
        if let sink = part.sink {
            files.append((part.name, sink))
        } else {
            fields[part.name] = String(decoding: part.text, as: UTF8.self)
        }
    }
}

/// The part of a form that is arriving.
private struct OpenPart {
    let name: String
    let sink: FileSink?
    var text: [UInt8] = []

    init(_ head: MultipartParser.Head, scratch: Scratch) throws {
        name = head.name
        sink = head.isFile ? try scratch.makeUpload() : nil
    }

    mutating func append(_ bytes: [UInt8], limit: Int) async throws {
        if let sink { return try await sink.write(bytes) }
        guard text.count + bytes.count <= limit else {
            throw Refusal(.contentTooLarge, "a field of the form has more than \(limit) bytes")
        }
        text += bytes
    }
}

/// Compares what arrives of a body with what was announced and with what is allowed.
struct BodyMeter {
    private let limit: Int
    private let announced: Int?
    private var received = 0

    /// - Throws: `Refusal` where more is announced than is allowed.
    init(headers: HTTPFields, limit: Int) throws {
        self.limit = limit
        announced = headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > limit { throw Self.tooLarge(limit) }
    }

    mutating func count(_ bytes: Int) throws {
        received += bytes
        guard received <= limit else { throw Self.tooLarge(limit) }
    }

    /// - Throws: `Refusal` where less came than was announced.
    func finish() throws {
        if let announced, received < announced {
            throw Refusal(.badRequest, "\(received) of \(announced) bytes came; the upload was cut off, send it again")
        }
    }

    private static func tooLarge(_ limit: Int) -> Refusal {
        Refusal(.contentTooLarge, "the body may have \(limit) bytes at most")
    }
}

extension RequestBody {
    /// A small body in memory.
    /// - Throws: `Refusal` where it is larger than the limit or cut off.
    func bytes(headers: HTTPFields, limit: Int) async throws -> [UInt8] {
        var meter = try BodyMeter(headers: headers, limit: limit)
        var bytes: [UInt8] = []
        for try await buffer in self {
            try meter.count(buffer.readableBytes)
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        try meter.finish()
        return bytes
    }

    /// A JSON object; an empty body counts as an empty object.
    /// - Throws: `Refusal` where it is none.
    func object(headers: HTTPFields, limits: ServerLimits) async throws -> ConfigValue {
        let bytes = try await bytes(headers: headers, limit: limits.fieldBytes)
        guard !bytes.isEmpty else { return [:] }
        let document = try ConfigValue(parsing: bytes, named: "the body")
        if document == .null { return [:] }
        guard case .object = document else { throw Refusal(.badRequest, "the body should be a JSON object") }
        return document
    }

    /// A body of any kind on disk.
    /// - Throws: `Refusal` where it is empty, too large, cut off or of no announced length.
    func file(headers: HTTPFields, into scratch: Scratch, limits: ServerLimits) async throws -> FileSink {
        guard headers[.contentLength] != nil else {
            throw Refusal(.lengthRequired, "an upload should announce its Content-Length")
        }
        var meter = try BodyMeter(headers: headers, limit: limits.bodyBytes)
        let sink = try scratch.makeUpload()
        for try await buffer in self {
            try meter.count(buffer.readableBytes)
            try await sink.write(buffer.readableBytesView)
        }
        try meter.finish()
        return sink
    }
}
