package import Foundation
package import SegCore

/// The record beside a download, in `.version`: the file that it belongs to, so that no other file is continued or
/// replaced.
package struct DownloadRecord {
    /// The URL of the download.
    let url: String
    /// The server's version of the file: a strong entity tag, or the date of the last change; nil if the server gives
    /// neither.
    let version: String?

    package init(url: URL, version: String?) {
        self.url = url.absoluteString
        self.version = version
    }

    /// Reads the record beside a download; nil if it is missing or invalid.
    init?(beside part: URL) {
        guard let text = try? String(contentsOf: Self.file(beside: part), encoding: .utf8) else { return nil }
        // The last newline shows that the whole record was written.
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 3, lines[0].contains("://"), lines[2].isEmpty else { return nil }
        url = lines[0]
        version = lines[1].isEmpty ? nil : lines[1]
    }

    /// The path of a download's record.
    static func file(beside part: URL) -> URL { part.appendingPathExtension("version") }

    /// Writes the record.
    /// - Throws: `DataError` if it cannot be written.
    package func write(beside part: URL) throws(DataError) {
        try DurableFile.write(Array("\(url)\n\(version ?? "")\n".utf8), to: Self.file(beside: part).path)
    }
}
