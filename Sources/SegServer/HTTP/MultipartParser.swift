internal import Foundation
internal import HTTPTypes
internal import SegCore

/// Splits a `multipart/form-data` body (RFC 7578) or a `multipart/related` body (RFC 2387) into parts as it arrives.
///
/// The parser buffers at most one part's head and one delimiter; the content of a part is passed on as it arrives.
package struct MultipartParser {
    /// The head of a part.
    package struct Head: Hashable, Sendable {
        /// The field's name; for a part of `multipart/related`, its media type, such as `application/dicom`.
        package var name: String
        /// Whether the part is a file.
        package var isFile: Bool
        /// The client's name for the file, which gives the order of a case's channels; it is never a path.
        package var fileName: String?

        package init(name: String, isFile: Bool, fileName: String? = nil) {
            self.name = name
            self.isFile = isFile
            self.fileName = fileName
        }
    }

    /// An event of the parser.
    package enum Event: Hashable, Sendable {
        case began(Head)
        case bytes([UInt8])
        case ended
    }

    /// The kind of a body.
    package enum Kind: Sendable {
        /// A form from a client.
        case form
        /// Files from an archive.
        case related

        var mediaType: String { self == .form ? "multipart/form-data" : "multipart/related" }

        /// The error for a damaged body.
        func damaged(_ reason: String) -> Refusal {
            switch self {
            case .form: Refusal(.badRequest, "the form is damaged: \(reason)")
            case .related: Refusal(.badGateway, "the archive's answer is damaged: \(reason)")
            }
        }
    }

    private enum State { case preamble, afterDelimiter, head, content, finished }

    private let delimiter: [UInt8]
    private var buffer: [UInt8]
    private var state = State.preamble
    private var parts = 0
    private let mostParts: Int
    private let kind: Kind

    private static let headLimit = 8 << 10
    private static let lineEnd: [UInt8] = [13, 10]
    private static let headEnd: [UInt8] = [13, 10, 13, 10]

    /// Creates a parser with the boundary of the content type.
    /// - Parameters:
    ///   - mostParts: The maximum number of parts.
    ///   - kind: The kind of the body.
    /// - Throws: `Refusal` if the content type does not belong to the kind.
    package init(contentType: String?, mostParts: Int = Limits.formFields, as kind: Kind = .form) throws {
        self.mostParts = mostParts
        self.kind = kind
        let words = HeaderWords(contentType ?? "")
        guard words.value.lowercased() == kind.mediaType, let boundary = words["boundary"],
            (1...200).contains(boundary.utf8.count)
        else {
            guard kind == .form else { throw kind.damaged("it is not multipart/related with a boundary") }
            throw Refusal(
                .unsupportedMediaType, "the body should be multipart/form-data with a boundary; send it as a form")
        }
        delimiter = Self.lineEnd + Array("--\(boundary)".utf8)
        // The first delimiter may be at the very start, where no line break precedes it.
        buffer = Self.lineEnd
    }

    /// Parses the next bytes of the body.
    /// - Throws: `Refusal` if they are not a valid form; errors of `handle`.
    package mutating func consume(_ bytes: some Collection<UInt8>, _ handle: (Event) throws -> Void) throws {
        if case .finished = state { return }
        buffer.append(contentsOf: bytes)
        while try step(handle) {}
    }

    /// Whether the closing delimiter has arrived; a body without it was cut off.
    package var isFinished: Bool {
        if case .finished = state { true } else { false }
    }

    /// Parses as far as the buffered bytes allow; false if more are needed.
    private mutating func step(_ handle: (Event) throws -> Void) throws -> Bool {
        switch state {
        case .preamble: return try skipPreamble()
        case .afterDelimiter: return try readDelimiterEnd()
        case .head: return try readHead(handle)
        case .content: return try passContent(handle)
        case .finished:
            buffer.removeAll()
            return false
        }
    }

    private mutating func skipPreamble() throws -> Bool {
        guard let start = Self.find(delimiter, in: buffer) else {
            guard buffer.count <= Self.headLimit else { throw kind.damaged("its boundary is missing") }
            return false
        }
        buffer.removeFirst(start + delimiter.count)
        state = .afterDelimiter
        return true
    }

    private mutating func readDelimiterEnd() throws -> Bool {
        guard buffer.count >= 2 else { return false }
        if buffer[0] == UInt8(ascii: "-"), buffer[1] == UInt8(ascii: "-") {
            state = .finished
            return true
        }
        guard buffer[0] == 13, buffer[1] == 10 else {
            throw kind.damaged("a boundary is not followed by a line break or '--'")
        }
        parts += 1
        guard parts <= mostParts else { throw kind.damaged("it has more than \(mostParts) parts") }
        // The line break stays in the buffer: a head without lines consists of two line breaks.
        state = .head
        return true
    }

    private mutating func readHead(_ handle: (Event) throws -> Void) throws -> Bool {
        guard let end = Self.find(Self.headEnd, in: buffer) else {
            guard buffer.count <= Self.headLimit else { throw kind.damaged("the head of a part does not end") }
            return false
        }
        guard end <= Self.headLimit else { throw kind.damaged("the head of a part is too long") }
        let head = try head(String(decoding: buffer[..<end], as: UTF8.self))
        buffer.removeFirst(end + Self.headEnd.count)
        state = .content
        try handle(.began(head))
        return true
    }

    private mutating func passContent(_ handle: (Event) throws -> Void) throws -> Bool {
        let found = Self.find(delimiter, in: buffer)
        // If there is no delimiter, the last bytes are kept, because a delimiter may begin in them.
        let end = found ?? buffer.count - (delimiter.count - 1)
        if end > 0 {
            try handle(.bytes(Array(buffer[..<end])))
            buffer.removeFirst(end)
        }
        guard found != nil else { return false }
        buffer.removeFirst(delimiter.count)
        state = .afterDelimiter
        try handle(.ended)
        return true
    }

    private func head(_ text: String) throws -> Head {
        let wanted = kind == .form ? "content-disposition" : "content-type"
        for line in text.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == wanted else { continue }
            let words = HeaderWords(String(parts[1]))
            if kind == .related { return Head(name: words.value.lowercased(), isFile: true) }
            guard words.value.lowercased() == "form-data", let name = words["name"], name.utf8.count <= 200 else {
                break
            }
            let isFile = words["filename"] != nil || words["filename*"] != nil
            let fileName = words["filename*"].flatMap(decoded) ?? words["filename"]
            // No file of a longer name exists, and a form may have thousands of names.
            return Head(name: name, isFile: isFile, fileName: fileName.flatMap { $0.utf8.count <= 255 ? $0 : nil })
        }
        throw kind.damaged(
            kind == .form ? "a part does not name its field" : "a part does not name its media type")
    }

    /// The value of an extended parameter (RFC 8187), `UTF-8'en'na%C3%AFve.nii`; nil if it is not one.
    private func decoded(_ value: String) -> String? {
        let pieces = value.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        return pieces.count == 3 ? String(pieces[2]).removingPercentEncoding : nil
    }

    private static func find(_ pattern: [UInt8], in bytes: [UInt8]) -> Int? {
        bytes.withUnsafeBytes { bytes in
            guard bytes.count >= pattern.count, let base = bytes.baseAddress else { return nil }
            let last = bytes.count - pattern.count
            var start = 0
            // memchr searches the first byte of the delimiter many bytes at a time.
            while start <= last, let found = memchr(base + start, Int32(pattern[0]), last - start + 1) {
                let index = UnsafeRawPointer(found) - base
                if bytes[index..<index + pattern.count].elementsEqual(pattern) { return index }
                start = index + 1
            }
            return nil
        }
    }
}

/// A header's value and its parameters: `form-data; name="file"; filename="a;b.nii"`.
package struct HeaderWords {
    /// The text before the first semicolon.
    package let value: String
    private var parameters: [String: String] = [:]

    package subscript(name: String) -> String? { parameters[name] }

    package init(_ text: String) {
        guard !text.hasLongCombiningRun else {
            value = ""
            return
        }
        var pieces: [String] = [""]
        var quoted = false
        var escaped = false
        for character in text {
            if escaped {
                pieces[pieces.count - 1].append(character)
                escaped = false
            } else if quoted, character == "\\" {
                escaped = true
            } else if character == "\"" {
                quoted.toggle()
            } else if character == ";", !quoted {
                pieces.append("")
            } else {
                pieces[pieces.count - 1].append(character)
            }
        }
        value = pieces[0].trimmingCharacters(in: .whitespaces)
        for piece in pieces.dropFirst() {
            let parts = piece.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            parameters[parts[0].trimmingCharacters(in: .whitespaces).lowercased()] =
                parts[1].trimmingCharacters(in: .whitespaces)
        }
    }
}
