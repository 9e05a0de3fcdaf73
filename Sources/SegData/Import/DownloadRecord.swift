package import Foundation
package import SegCore

/// What lies beside a download, in `.version`: which file it is of, so that nothing else is gone on with or replaced.
package struct DownloadRecord {
    /// The address that it comes from.
    let url: String
    /// What the server calls this version: a strong entity tag, or the date of the last change; nil where it says
    /// neither.
    let version: String?

    package init(url: URL, version: String?) {
        self.url = url.absoluteString
        self.version = version
    }

    /// The record beside a download; nil where there is none, or where it is no record.
    init?(beside part: URL) {
        guard let text = try? String(contentsOf: Self.file(beside: part), encoding: .utf8) else { return nil }
        // The last newline shows that all of it was written.
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.count == 3, lines[0].contains("://"), lines[2].isEmpty else { return nil }
        url = lines[0]
        version = lines[1].isEmpty ? nil : lines[1]
    }

    /// Where the record of a download lies.
    static func file(beside part: URL) -> URL { part.appendingPathExtension("version") }

    /// - Throws: `DataError` where it cannot be written.
    package func write(beside part: URL) throws(DataError) {
        try DurableFile.write(Array("\(url)\n\(version ?? "")\n".utf8), to: Self.file(beside: part).path)
    }
}
