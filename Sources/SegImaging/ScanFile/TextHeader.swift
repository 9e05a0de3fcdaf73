internal import Foundation
internal import SegCore

/// The lines of text at the start of a file.
struct TextHeader {
    /// The lines, without their line ends.
    let lines: [String]
    /// The number of bytes up to the end of the header.
    let byteCount: Int

    /// Reads lines until one that ends the header.
    /// - Parameters:
    ///   - endsWithFile: Whether a line allows the header to end with the file, without a line that `isLast` accepts.
    ///   - isLast: Whether a line is the header's last.
    /// - Throws: `DataError` if the file is missing, or its header does not end within `Limits.scanTextHeaderBytes`.
    init(_ path: String, endsWithFile: (String) -> Bool, isLast: (String) -> Bool) throws(DataError) {
        let size = try ByteSource.size(of: path)
        let bytes = try ByteSource.bytes(of: path, from: 0, count: min(size, Limits.scanTextHeaderBytes))
        var lines: [String] = []
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(try Self.line(bytes[start..<end], of: path))
            start = end + 1
            if isLast(lines[lines.count - 1]) {
                (self.lines, byteCount) = (lines, start)
                return
            }
        }
        if start < bytes.count { lines.append(try Self.line(bytes[start...], of: path)) }
        guard size == bytes.count, lines.contains(where: endsWithFile) else {
            let most = ByteCount(bytes: Limits.scanTextHeaderBytes)
            throw DataError(
                .badData, path,
                size > bytes.count
                    ? "has no end of its header within \(most), the maximum that is read."
                    : "ends within its header; the file is damaged or cut short.")
        }
        (self.lines, byteCount) = (lines, size)
    }

    /// The text of a line: UTF-8, or Latin-1 as older programs write it.
    private static func line(_ bytes: ArraySlice<UInt8>, of path: String) throws(DataError) -> String {
        let whole = bytes.last == UInt8(ascii: "\r") ? bytes.dropLast() : bytes
        let text =
            String(validating: whole, as: UTF8.self)
            ?? String(String.UnicodeScalarView(whole.map { Unicode.Scalar($0) }))
        guard !text.hasLongCombiningRun else {
            throw DataError(
                .badData, path,
                "has more than \(Limits.combiningRun) combining characters in a row in its header; remove them.")
        }
        return text
    }

    /// Whether a header names several files of voxels: `LIST`, or a pattern such as `slice%03d.raw 1 90 1`.
    static func namesSeveral(_ name: String) -> Bool {
        let words = name.split(whereSeparator: \.isWhitespace)
        if words.first == "LIST" { return true }
        return words.count > 2 && words[0].contains("%") && words.dropFirst().allSatisfy { Int($0) != nil }
    }

    /// The path of a file that a header names. The file must be next to the header or in a folder below it; links are
    /// followed.
    /// - Throws: `DataError` if the name leads elsewhere.
    static func file(_ name: String, beside header: String, key: String) throws(DataError) -> String {
        let parts = name.split(separator: "/")
        guard !name.hasPrefix("/"), !name.isEmpty, !parts.contains(".."), !name.contains("\\"), !name.contains("\0")
        else {
            throw DataError(
                .badData, header,
                "names the file '\(name.prefix(80))' (\(key)); a file next to the header or in a subfolder was expected. "
                    + "Put the two together and correct the name.")
        }
        return URL(fileURLWithPath: header).deletingLastPathComponent().appendingPathComponent(name).path
    }
}
