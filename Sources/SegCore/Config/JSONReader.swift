internal import Foundation

/// Reads JSON (RFC 8259) in one pass; time and memory are linear in the number of bytes.
///
/// Foundation's decoder is not used: for values of unknown type, its time grows with the cube of the depth, and it does not
/// report the position of a fault. In addition to the grammar, a key that occurs twice in one object is refused, because
/// the choice of a value would be arbitrary.
struct JSONReader {
    /// A fault of a document, with its line and column.
    struct Fault: Error {
        let line: Int
        let column: Int
        let reason: String
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var nodes = 0

    private init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Reads the one value of a document.
    static func value(of bytes: UnsafeBufferPointer<UInt8>) throws(Fault) -> ConfigValue {
        var reader = JSONReader(bytes)
        // Some editors write a byte order mark.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { reader.position = 3 }
        guard bytes.count <= Limits.documentBytes else {
            throw reader.fault("it has \(bytes.count) bytes; at most \(Limits.documentBytes) are read")
        }
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == bytes.count else {
            throw reader.fault("there is something after the end of the value")
        }
        return value
    }

    /// The keys of an object in the order of the document, which `ConfigValue` does not keep.
    /// - Parameter path: The keys that lead from the document to the object.
    /// - Returns: The keys; nil if there is no such object.
    static func keys(
        at path: [String], of bytes: UnsafeBufferPointer<UInt8>
    ) throws(Fault) -> [String]? {
        _ = try value(of: bytes)
        var reader = JSONReader(bytes)
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { reader.position = 3 }
        return try reader.keys(at: path[...])
    }

    private mutating func keys(at path: ArraySlice<String>) throws(Fault) -> [String]? {
        skipSpace()
        guard take("{") else { return nil }
        var keys: [String] = []
        skipSpace()
        if take("}") { return path.isEmpty ? [] : nil }
        repeat {
            skipSpace()
            let key = try string()
            skipSpace()
            _ = take(":")
            if key == path.first { return try self.keys(at: path.dropFirst()) }
            _ = try value(depth: 0)
            keys.append(key)
            skipSpace()
        } while take(",")
        return path.isEmpty ? keys : nil
    }

    private mutating func value(depth: Int) throws(Fault) -> ConfigValue {
        skipSpace()
        nodes += 1
        guard nodes <= Limits.documentNodes else { throw fault("it has more than \(Limits.documentNodes) values") }
        guard depth <= Limits.documentDepth else {
            throw fault("it is nested more than \(Limits.documentDepth) levels deep")
        }
        switch peek {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-")?: return try number()
        case let byte? where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): return try number()
        case nil: throw fault(bytes.isEmpty ? "it is empty" : "it ends where a value is expected")
        case let other?: throw fault("there should be a value, not \(Self.shown(other))")
        }
    }

    private mutating func object(depth: Int) throws(Fault) -> [String: ConfigValue] {
        position += 1
        var members: [String: ConfigValue] = [:]
        skipSpace()
        if take("}") { return members }
        repeat {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw fault("there should be a key in quotes\(found)") }
            let start = position
            let key = try string()
            skipSpace()
            guard take(":") else { throw fault("there should be a colon after the key\(found)") }
            let value = try value(depth: depth + 1)
            guard members.updateValue(value, forKey: key) == nil else {
                position = start
                throw fault("the key '\(key.prefix(40))' occurs twice")
            }
            skipSpace()
        } while take(",")
        guard take("}") else { throw fault("there should be a comma or a closing brace\(found)") }
        return members
    }

    private mutating func array(depth: Int) throws(Fault) -> [ConfigValue] {
        position += 1
        var items: [ConfigValue] = []
        skipSpace()
        if take("]") { return items }
        repeat {
            items.append(try value(depth: depth + 1))
            skipSpace()
        } while take(",")
        guard take("]") else { throw fault("there should be a comma or a closing bracket\(found)") }
        return items
    }

    private mutating func word(_ word: StaticString, _ value: ConfigValue) throws(Fault) -> ConfigValue {
        let expected = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard bytes[position...].starts(with: expected) else {
            throw fault("there should be a value; the only words without quotes are true, false and null")
        }
        position += expected.count
        return value
    }
}

extension JSONReader {
    /// Reads a number. A number without a fraction becomes an integer, therefore `1.0` reads as 1 for keys that expect
    /// an integer.
    private mutating func number() throws(Fault) -> ConfigValue {
        let start = position
        _ = take("-")
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[position - whole] != UInt8(ascii: "0") else {
            throw fault("there should be a number, without a leading zero")
        }
        var isWhole = true
        if take(".") {
            isWhole = false
            guard digits() > 0 else { throw fault("there should be a digit after the point") }
        }
        if take("e") || take("E") {
            isWhole = false
            if !take("+") { _ = take("-") }
            guard digits() > 0 else { throw fault("there should be a digit in the exponent") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let integer = Int(text) { return .int(integer) }
        guard let number = Double(text), number.isFinite else {
            throw fault("the number \(text.prefix(40)) is too large")
        }
        return Int(exactly: number).map(ConfigValue.int) ?? .double(number)
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        return position - start
    }

    private mutating func string() throws(Fault) -> String {
        position += 1
        let start = position
        while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        // Most strings contain no escape and are copied whole.
        if peek == UInt8(ascii: "\"") {
            defer { position += 1 }
            return try text(bytes[start..<position])
        }
        var content = Array(bytes[start..<position])
        while true {
            guard let byte = peek else { throw fault("a text is not closed") }
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(content)
            case UInt8(ascii: "\\"): try escape(into: &content)
            case 0..<0x20:
                position -= 1
                throw fault("a text holds \(Self.shown(byte)); it should be written as an escape")
            default: content.append(byte)
            }
        }
    }

    private func text(_ content: some Collection<UInt8>) throws(Fault) -> String {
        guard let text = String(validating: content, as: UTF8.self) else { throw fault("a text is not UTF-8") }
        guard !text.hasLongCombiningRun else {
            throw fault("a text has more than \(Limits.combiningRun) combining characters in a row; remove them")
        }
        return text
    }

    private mutating func escape(into content: inout [UInt8]) throws(Fault) {
        guard let byte = peek else { throw fault("a text is not closed") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if (0xD800..<0xDC00).contains(code), take("\\"), take("u") {
                let low = try codeUnit()
                guard (0xDC00..<0xE000).contains(low) else { throw fault("an escape is half of a pair of UTF-16") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw fault("an escape is half of a pair of UTF-16") }
            content.append(contentsOf: Character(scalar).utf8)
        default:
            position -= 1
            throw fault("\\\(Self.shown(byte)) is not an escape of JSON; write a backslash as two")
        }
    }

    private mutating func codeUnit() throws(Fault) -> UInt32 {
        guard position + 4 <= bytes.count,
            let text = String(validating: bytes[position..<position + 4], as: UTF8.self),
            text.allSatisfy(\.isHexDigit), let code = UInt32(text, radix: 16)
        else { throw fault("\\u should be followed by four hexadecimal digits") }
        position += 4
        return code
    }
}

extension JSONReader {
    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    /// Skips a character if it is the next one; returns whether it is.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    /// The byte that was found instead of the expected one, as the end of a sentence.
    private var found: String { peek.map { ", not \(Self.shown($0))" } ?? "; the document ends" }

    private static func shown(_ byte: UInt8) -> String {
        (0x21..<0x7F).contains(byte) ? "'\(Unicode.Scalar(byte))'" : "the byte \(byte)"
    }

    private func fault(_ reason: String) -> Fault {
        let before = bytes[..<min(position, bytes.count)]
        let line = before.count { $0 == 0x0A } + 1
        let start = (before.lastIndex(of: 0x0A) ?? -1) + 1
        // Columns count characters, that is bytes that are not UTF-8 continuation bytes.
        let column = before[start...].count { $0 & 0xC0 != 0x80 } + 1
        return Fault(line: line, column: column, reason: reason)
    }
}
