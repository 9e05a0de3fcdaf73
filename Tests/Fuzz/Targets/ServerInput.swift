internal import Foundation
internal import SegServer

/// Inputs of the server from clients and the disk.
enum ServerInput {
    /// A form or a response of an archive: one byte for the size of its chunks, one line for its content type, and its body.
    static func form(_ input: [UInt8], _ folder: FuzzFolder) throws {
        let rest = input.dropFirst()
        let line = rest.prefix { $0 != 10 }
        let (type, body) = (String(decoding: line, as: UTF8.self), Array(rest.dropFirst(line.count + 1)))
        let step = max(1, Int(input.first ?? 1))
        let forms: [(String, MultipartParser.Kind)] = [
            (type, .form), ("multipart/form-data; boundary=X", .form), ("multipart/related; boundary=X", .related),
        ]
        for (type, kind) in forms {
            let whole = try parts(of: body, type: type, kind, step: max(1, body.count))
            let inSteps = try parts(of: body, type: type, kind, step: step)
            try insist(whole == inSteps, "chunks of \(step) bytes make another form")
            let bytes = whole?.reduce(0) { $0 + $1.content.count } ?? 0
            try insist(bytes <= body.count, "\(bytes) bytes came out of \(body.count)")
        }
        _ = HeaderWords(type)
        let query = RequestQuery(String(decoding: body, as: UTF8.self))
        _ = query["name"]
        _ = try unlessRefused { try query.isOn("flag") }
    }

    private struct Part: Equatable {
        let head: MultipartParser.Head
        var content: [UInt8] = []
    }

    /// The complete parts of a form; nil if the form is refused.
    private static func parts(
        of body: [UInt8], type: String, _ kind: MultipartParser.Kind, step: Int
    ) throws -> [Part]? {
        try unlessRefused {
            var parser = try MultipartParser(contentType: type, as: kind)
            var parts: [Part] = []
            for start in stride(from: 0, to: body.count, by: step) {
                try parser.consume(body[start..<min(start + step, body.count)]) { event in
                    switch event {
                    case .began(let head): parts.append(Part(head: head))
                    case .bytes(let bytes): parts[parts.count - 1].content += bytes
                    case .ended: break
                    }
                }
            }
            return parser.isFinished ? parts : []
        }
    }

    /// The index of a datastore: an index that is read and written must be read as the same.
    static func datastoreIndex(_ input: [UInt8], _ folder: FuzzFolder) throws {
        typealias Index = [String: StudyImage]
        // The datastore itself turns every error of the decoder into a message.
        guard let index = try? JSONDecoder().decode(Index.self, from: Data(input)) else { return }
        let written = try JSONEncoder().encode(index)
        let again = try takingBack("an index") { try JSONDecoder().decode(Index.self, from: written) }
        let isSame = again.mapValues(\.file) == index.mapValues(\.file)
        try insist(isSame && again.mapValues(\.info) == index.mapValues(\.info), "an index became another")
        for (id, image) in index {
            let name = StudyImage.fileName(id: id, image.file)
            try insist(name.unicodeScalars.first != ".", "a download would be hidden: \(name)")
        }
    }
}
