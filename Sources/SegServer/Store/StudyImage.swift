internal import Foundation
package import SegCore

/// A scan of the datastore, with what is known of it and the labels that were saved.
package struct StudyImage: Codable, Sendable {
    /// Its file, relative to the datastore.
    package var file: String
    /// The server's id, by which the REST API calls it.
    package var key: String
    /// What clients and strategies noted.
    package var info: [String: ConfigValue]
    /// Label maps by tag.
    package var labels: [String: StudyLabel]
    /// Bytes of the file where a client uploaded it; nil for a scan that lay in the folder.
    package var bytes: Int?
    /// Whether the file is out of sight now: moved away, or on a disk that is not mounted.
    package var isMissing = false

    package init(
        file: String, key: String, info: [String: ConfigValue], labels: [String: StudyLabel], bytes: Int? = nil
    ) {
        self.file = file
        self.key = key
        self.info = info
        self.labels = labels
        self.bytes = bytes
    }

    private enum CodingKeys: String, CodingKey { case file, key, info, labels, bytes }

    /// The tag of labels that a person has finished.
    static let finalTag = "final"
    /// The tag of labels that a model made.
    static let originalTag = "original"

    /// Whether nobody has finished a label yet.
    var isUnlabelled: Bool { labels[Self.finalTag] == nil }

    /// Whether a person or a client wrote something that only this entry keeps.
    var isWorthKeeping: Bool {
        !labels.isEmpty || info.keys.contains { !["ts", "strategy", Strategy.scoresNote].contains($0) }
    }

    /// Bytes that the server stored and that are there now, labels included.
    var storedBytes: Int {
        labels.values.reduce(isMissing ? 0 : bytes ?? 0) { $0 + ($1.isMissing ? 0 : $1.bytes ?? 0) }
    }

    /// Whether every path stays inside the datastore.
    var isInside: Bool {
        ([file] + labels.values.map(\.file)).allSatisfy { path in
            !path.isEmpty && !path.hasPrefix("/") && !path.utf8.contains(0)
                && !path.split(separator: "/").contains("..")
        }
    }
}

/// A saved label map.
package struct StudyLabel: Codable, Sendable {
    /// Its file, relative to the datastore.
    package var file: String
    /// What clients noted.
    package var info: [String: ConfigValue]
    /// Bytes of the file where the server stored it; nil for a label that lay in the folder.
    package var bytes: Int?
    /// Whether the file is out of sight now.
    package var isMissing = false

    package init(file: String, info: [String: ConfigValue], bytes: Int? = nil) {
        self.file = file
        self.info = info
        self.bytes = bytes
    }

    private enum CodingKeys: String, CodingKey { case file, info, bytes }
}

extension StudyImage {
    /// What MONAI Label's clients read of an image: its notes, and a name that is safe as a file's.
    func notes(id: String) -> [String: ConfigValue] {
        info.merging(["name": .string(Self.fileName(id: id, StudyName.ending(of: file)))]) { noted, _ in noted }
    }

    /// A name to download under: the id, with everything but plain letters, digits, dot and dash replaced.
    package static func fileName(id: String, _ fileExtension: String) -> String {
        let safe = id.unicodeScalars.map { scalar -> Character in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isPlain || scalar == "-" || scalar == "." || scalar == "_" ? Character(scalar) : "_"
        }
        let name = String(safe.prefix(100)).trimmingCharacters(in: CharacterSet(charactersIn: "."))
        return (name.isEmpty ? "scan" : name) + fileExtension
    }
}
