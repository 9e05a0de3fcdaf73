internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import SegCore

/// A form that has arrived completely: its fields, and its files on disk.
struct MultipartForm {
    /// The values of the fields that are not files.
    private(set) var fields: [String: String] = [:]
    /// The files in the order of arrival, with the names of their fields.
    private(set) var files: [(field: String, sink: FileSink)] = []
    /// The parsed fields that look like JSON objects.
    private var documents: [String: Result<ConfigValue, Refusal>] = [:]
    private var fieldBytes = 0
    private let mostFiles: Int
    private let memory = BodyMemory()

    /// The only file of the form under any of several names.
    /// - Throws: `Refusal` if there is none or more than one.
    func onlyFile(_ names: String...) throws -> FileSink {
        let found = files.filter { names.contains($0.field) }
        guard let first = found.first, found.count == 1 else {
            throw Refusal(
                .badRequest, "the form should have one file named '\(names[0])', but has \(found.count)")
        }
        return first.sink
    }

    /// The JSON object of a field; empty if the field is missing.
    /// - Throws: `Refusal` if it is not a JSON object.
    func object(_ name: String) throws -> ConfigValue {
        guard let text = fields[name], !text.isEmpty else { return [:] }
        guard let document = documents[name] else {
            throw Refusal(.badRequest, "the field '\(name)' should be a JSON object")
        }
        return try document.get()
    }
}

extension MultipartForm {
    /// Reads a form as it arrives; its files are written to disk under names that the server generates.
    /// - Parameter mostFiles: The maximum number of files.
    /// - Throws: `Refusal` if the body is too large, cut off, not a form, or cannot be stored.
    init(
        _ body: RequestBody, headers: HTTPFields, into scratch: Scratch, limits: ServerLimits, mostFiles: Int = 1
    ) async throws {
        self.mostFiles = mostFiles
        var parser = try MultipartParser(
            contentType: headers[.contentType], mostParts: Limits.formFields + mostFiles - 1)
        var meter = try BodyMeter(headers: headers, limit: limits.bodyBytes)
        var open: OpenPart?
        try await body.forEach(&meter) { buffer in
            var events: [MultipartParser.Event] = []
            try parser.consume(buffer.readableBytesView) { events.append($0) }
            for event in events {
                switch event {
                case .began(let head): open = try begin(head, scratch: scratch)
                case .bytes(let bytes): try await take(bytes, of: &open)
                case .ended:
                    try await add(open)
                    open = nil
                }
            }
        }
        guard parser.isFinished else { throw Refusal(.badRequest, "the form was cut off; send it again") }
    }

    private func begin(_ head: MultipartParser.Head, scratch: Scratch) throws -> OpenPart {
        guard !head.isFile || files.count < mostFiles else {
            throw Refusal(
                .badRequest,
                mostFiles == 1
                    ? "the form should have one file, but has more; several scans of a case go to POST /api/v1/volumes"
                    : "the form should have at most \(mostFiles) files, but has more; send fewer at a time")
        }
        guard head.isFile || fields[head.name] == nil else {
            throw Refusal(.badRequest, "the form has the field '\(head.name.prefix(40))' twice")
        }
        let sink = try head.isFile ? scratch.makeUpload() : nil
        sink?.clientName = head.fileName
        return OpenPart(name: head.name, sink: sink)
    }

    private mutating func take(_ bytes: [UInt8], of part: inout OpenPart?) async throws {
        if let sink = part?.sink { return try await sink.write(bytes) }
        fieldBytes += bytes.count
        guard fieldBytes <= Limits.formBytes else {
            throw Refusal(
                .contentTooLarge, "the fields of the form that are not files have more than \(Limits.formBytes) bytes")
        }
        try memory.grow(by: bytes.count)
        part?.text += bytes
    }

    private mutating func add(_ part: OpenPart?) async throws {
        guard let part else { return }
        if let sink = part.sink {
            try await sink.finish()
            files.append((part.name, sink))
            return
        }
        fields[part.name] = String(decoding: part.text, as: UTF8.self)
        guard part.text.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else { return }
        do {
            let document = try await DocumentReader.shared.json(part.text, named: "the field '\(part.name)'")
            documents[part.name] = .success(document)
        } catch let refusal as Refusal {
            documents[part.name] = .failure(refusal)
        }
    }
}

/// A part of a form that is arriving.
private struct OpenPart {
    let name: String
    let sink: FileSink?
    var text: [UInt8] = []
}

/// Compares the length of an arriving body with the announced and the allowed length.
struct BodyMeter {
    private let limit: Int
    private let announced: Int?
    private var received = 0

    /// - Throws: `Refusal` if the announced length is larger than allowed.
    init(headers: HTTPFields, limit: Int) throws {
        self.limit = limit
        announced = headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > limit { throw Self.tooLarge(limit) }
    }

    mutating func count(_ bytes: Int) throws {
        received += bytes
        guard received <= limit else { throw Self.tooLarge(limit) }
    }

    /// - Throws: `Refusal` if less arrived than was announced.
    func finish() throws {
        if let announced, received < announced {
            throw Refusal(.badRequest, "\(received) of \(announced) bytes arrived: the upload was cut off; send again")
        }
    }

    private static func tooLarge(_ limit: Int) -> Refusal {
        Refusal(.contentTooLarge, "the body may have \(limit) bytes at most")
    }
}

extension RequestBody {
    /// Passes on a body as it arrives, and checks that it is complete.
    /// - Throws: `Refusal` if it is larger than allowed, cut off or damaged; errors of `take`.
    fileprivate func forEach(_ meter: inout BodyMeter, _ take: (ByteBuffer) async throws -> Void) async throws {
        var pieces = makeAsyncIterator()
        while true {
            let piece: ByteBuffer?
            do {
                piece = try await pieces.next()
            } catch let error as CancellationError {
                throw error
            } catch {
                // The client has disconnected, or the chunks are not valid.
                throw Refusal(.badRequest, "the body was cut off or is damaged; send it again")
            }
            guard let piece else { return try meter.finish() }
            try meter.count(piece.readableBytes)
            try await take(piece)
        }
    }

    /// Reads a small body into memory.
    /// - Throws: `Refusal` if it is larger than the limit or cut off.
    func bytes(headers: HTTPFields, limit: Int) async throws -> [UInt8] {
        var meter = try BodyMeter(headers: headers, limit: limit)
        let memory = BodyMemory()
        var bytes: [UInt8] = []
        try await forEach(&meter) { piece in
            try memory.grow(by: piece.readableBytes)
            bytes.append(contentsOf: piece.readableBytesView)
        }
        return bytes
    }

    /// Reads a JSON object; an empty body counts as an empty object.
    /// - Throws: `Refusal` if the body is not a JSON object.
    func object(headers: HTTPFields, limits: ServerLimits) async throws -> ConfigValue {
        let bytes = try await bytes(headers: headers, limit: limits.fieldBytes)
        guard !bytes.isEmpty else { return [:] }
        let document = try await DocumentReader.shared.json(bytes, named: "the body")
        if document == .null { return [:] }
        guard case .object = document else { throw Refusal(.badRequest, "the body should be a JSON object") }
        return document
    }

    /// Reads the names and values of a small `application/x-www-form-urlencoded` body.
    /// - Throws: `Refusal` if it is larger than the limit, cut off, or has a name twice.
    func fields(headers: HTTPFields, limit: Int) async throws -> RequestQuery {
        try await DocumentReader.shared.fields(bytes(headers: headers, limit: limit))
    }

    /// Reads a form whose fields are JSON objects, as `multipart/form-data` or URL-encoded.
    /// - Parameters:
    ///   - names: The allowed fields, the usual one first; if several have the same member, the last field counts.
    ///   - files: The allowed files; a URL-encoded form has none.
    /// - Returns: The form if it is a multipart form, and the members of the fields.
    /// - Throws: `Refusal` if it has other parts, is too large or cut off, or a field is not a JSON object.
    func form(
        of names: [String], files: [String], headers: HTTPFields, into scratch: Scratch, limits: ServerLimits
    ) async throws -> (MultipartForm?, ConfigValue) {
        if (headers[.contentType] ?? "").lowercased().hasPrefix("multipart/") {
            let form = try await MultipartForm(self, headers: headers, into: scratch, limits: limits)
            try form.allowOnly(fields: names, files: files)
            let members = try names.reduce(into: [String: ConfigValue]()) { members, name in
                members.merge(try form.object(name).members) { $1 }
            }
            return (form, .object(members))
        }
        let fields = try await fields(headers: headers, limit: limits.fieldBytes)
        guard fields.names.allSatisfy({ names.contains($0) }) else {
            throw Refusal(.badRequest, "the form should have the field '\(names[0])' and no other")
        }
        let text = names.lazy.compactMap { fields[$0] }.first ?? "{}"
        let document = try await DocumentReader.shared.json(Array(text.utf8), named: "the field '\(names[0])'")
        guard case .object = document else {
            throw Refusal(.badRequest, "the field '\(names[0])' should be an object")
        }
        return (nil, document)
    }

    /// Writes a body of any kind to disk.
    /// - Throws: `Refusal` if it is empty, too large, cut off or without an announced length.
    func file(headers: HTTPFields, into scratch: Scratch, limits: ServerLimits) async throws -> FileSink {
        guard headers[.contentLength] != nil else {
            throw Refusal(.lengthRequired, "an upload should announce its Content-Length")
        }
        var meter = try BodyMeter(headers: headers, limit: limits.bodyBytes)
        let sink = try scratch.makeUpload()
        try await forEach(&meter) { try await sink.write($0.readableBytesView) }
        return sink
    }
}
