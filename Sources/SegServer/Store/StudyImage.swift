internal import Foundation
package import SegCore

/// A scan of the datastore, with its notes and saved labels.
package struct StudyImage: Codable, Sendable {
    /// The file name relative to the datastore.
    package var file: String
    /// The server's id of the image, for the REST API.
    package var key: String
    /// Notes of clients and strategies.
    package var info: [String: ConfigValue]
    /// Label maps by tag.
    package var labels: [String: StudyLabel]
    /// The bytes of the file if a client uploaded it; nil for a scan that was put into the folder.
    package var bytes: Int?
    /// Whether the file is currently missing: moved away, or on a disk that is not mounted.
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

    /// Whether no label is finished.
    var isUnlabelled: Bool { labels[Self.finalTag] == nil }

    /// Whether a person or a client wrote something that only this entry has.
    var isWorthKeeping: Bool {
        !labels.isEmpty || info.keys.contains { !["ts", "strategy", Strategy.scoresNote].contains($0) }
    }

    /// The bytes of existing files that the server stored, including labels.
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
    /// The file name relative to the datastore.
    package var file: String
    /// Notes of clients.
    package var info: [String: ConfigValue]
    /// The bytes of the file if the server stored it; nil for a label that was put into the folder.
    package var bytes: Int?
    /// Whether the file is currently missing.
    package var isMissing = false

    package init(file: String, info: [String: ConfigValue], bytes: Int? = nil) {
        self.file = file
        self.info = info
        self.bytes = bytes
    }

    private enum CodingKeys: String, CodingKey { case file, info, bytes }
}

extension StudyImage {
    /// The notes of an image for MONAI Label's clients, with a name that is a valid file name.
    func notes(id: String) -> [String: ConfigValue] {
        info.merging(["name": .string(Self.fileName(id: id, StudyName.ending(of: file)))]) { noted, _ in noted }
    }

    /// A name for a download: the id, with all characters but ASCII letters, digits, dot, dash and underscore replaced.
    package static func fileName(id: String, _ fileExtension: String) -> String {
        let safe = id.unicodeScalars.map { scalar -> Character in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isPlain || scalar == "-" || scalar == "." || scalar == "_" ? Character(scalar) : "_"
        }
        let name = String(safe.prefix(100)).trimmingCharacters(in: CharacterSet(charactersIn: "."))
        return (name.isEmpty ? "scan" : name) + fileExtension
    }
}
