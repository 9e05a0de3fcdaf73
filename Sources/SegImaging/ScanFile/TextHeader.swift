internal import Foundation
internal import SegCore

/// The lines of text at the start of a file.
struct TextHeader {
    /// The lines, without their ends.
    let lines: [String]
    /// Bytes until the header's end.
    let byteCount: Int

    /// Reads lines until one that ends the header.
    /// - Parameters:
    ///   - isLast: Whether a line is the header's last.
    ///   - endsWithFile: Whether the file may end without such a line.
    /// - Throws: `DataError` where the file is not there, is not text in UTF-8, or has no such line within
    ///   `Limits.scanTextHeaderBytes`.
    init(
        _ path: String, endsWithFile: Bool, isLast: (String) -> Bool
    ) throws(DataError) {
        let size = try ByteSource.size(of: path)
        let bytes = try ByteSource.bytes(of: path, from: 0, count: min(size, Limits.scanTextHeaderBytes))
        var lines: [String] = []
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = try Self.line(bytes[start..<end], path)
            start = end + 1
            lines.append(line)
            if isLast(line) {
                (self.lines, byteCount) = (lines, start)
                return
            }
        }
        guard endsWithFile, size == bytes.count else {
            throw DataError(
                .badData, path,
                "has no end of its header within \(bytes.count) bytes; the file is damaged or cut short.")
        }
        if start < bytes.count { lines.append(try Self.line(bytes[start...], path)) }
        (self.lines, byteCount) = (lines, size)
    }

    private static func line(_ bytes: ArraySlice<UInt8>, _ path: String) throws(DataError) -> String {
        let whole = bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
        guard let line = String(validating: whole, as: UTF8.self) else {
            throw DataError(.badData, path, "holds what is no text in its header; the file is damaged.")
        }
        return line
    }

    /// A file that a header names, which has to lie beside the header or below it.
    /// - Throws: `DataError` where it may lie elsewhere.
    static func file(_ name: String, beside header: String, key: String) throws(DataError) -> String {
        let parts = name.split(separator: "/")
        guard !name.hasPrefix("/"), !name.isEmpty, !parts.contains(".."), !name.contains("\\"), !name.contains("\0")
        else {
            throw DataError(
                .badData, header,
                "names the file '\(name.prefix(80))' (\(key)); a file beside the header or in a folder there was expected. "
                    + "Put the two together and correct the name.")
        }
        return URL(fileURLWithPath: header).deletingLastPathComponent().appendingPathComponent(name).path
    }
}
