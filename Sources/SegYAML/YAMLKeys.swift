internal import Foundation

/// Searches a text, before it is parsed, for keys that are not plain text.
///
/// Yams compares the keys of an object by their whole content, therefore a key of nested aliases would take for ever.
/// No configuration has such a key: a document that has aliases and may have such a key is refused.
struct YAMLKeys {
    private let bytes: [UInt8]

    init(_ text: Data) { bytes = Array(text) }

    /// - Throws: `YAMLReader.Fault` with the line of the key.
    func check() throws(YAMLReader.Fault) {
        // A document without an anchor has no alias.
        guard bytes.contains(UInt8(ascii: "&")), bytes.contains(UInt8(ascii: "*")) else { return }
        for position in bytes.indices where isAfterCollection(position) || isExplicitKey(position) {
            let line = bytes[..<position].count { $0 == 0x0A } + 1
            throw YAMLReader.Fault(
                line, "a key should be plain text in a document with aliases, not a list, an object or an alias")
        }
    }

    /// Whether the byte is a colon whose key is an alias, a list or an object.
    private func isAfterCollection(_ position: Int) -> Bool {
        guard bytes[position] == UInt8(ascii: ":") else { return false }
        var index = position - 1
        while index >= 0, bytes[index] == 0x20 || bytes[index] == 0x09 { index -= 1 }
        guard index >= 0 else { return false }
        if bytes[index] == UInt8(ascii: "]") || bytes[index] == UInt8(ascii: "}") { return true }
        while index >= 0, Self.isOfName(bytes[index]) { index -= 1 }
        return index >= 0 && bytes[index] == UInt8(ascii: "*")
    }

    /// Whether the byte is a question mark that begins a key.
    private func isExplicitKey(_ position: Int) -> Bool {
        guard bytes[position] == UInt8(ascii: "?") else { return false }
        func isBreak(_ byte: UInt8?) -> Bool { byte.map { $0 <= 0x20 || $0 >= 0x80 } ?? true }
        guard isBreak(position + 1 < bytes.count ? bytes[position + 1] : nil) else { return false }
        let before = position > 0 ? bytes[position - 1] : nil
        return isBreak(before) || before.map { "[{,".utf8.contains($0) } ?? false
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
