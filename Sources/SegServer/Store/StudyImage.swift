internal import Foundation
package import SegCore

/// A scan of the datastore, with what is known of it and the labels that were saved.
package struct StudyImage: Codable, Sendable {
    /// Its file, relative to the datastore.
    package var file: String
    /// The server's id: what paths and the REST API call it.
    package var key: String
    /// What clients and strategies noted.
    package var info: [String: ConfigValue]
    /// Label maps by tag.
    package var labels: [String: StudyLabel]

    package init(file: String, key: String, info: [String: ConfigValue], labels: [String: StudyLabel]) {
        self.file = file
        self.key = key
        self.info = info
        self.labels = labels
    }

    /// The tag of labels that a person has finished.
    static let finalTag = "final"
    /// The tag of labels that a model made.
    static let originalTag = "original"

    /// Whether nobody has finished a label yet.
    var isUnlabelled: Bool { labels[Self.finalTag] == nil }

    /// `.nii.gz` or `.nii`.
    var fileExtension: String { file.hasSuffix(".gz") ? ".nii.gz" : ".nii" }
}

/// A saved label map.
package struct StudyLabel: Codable, Sendable {
    /// Its file, relative to the datastore.
    package var file: String
    /// What clients noted.
    package var info: [String: ConfigValue]

    package init(file: String, info: [String: ConfigValue]) {
        self.file = file
        self.info = info
    }

    var fileExtension: String { file.hasSuffix(".gz") ? ".nii.gz" : ".nii" }
}

extension StudyImage {
    /// What MONAI Label's clients read of an image: its notes, and a name that is safe as a file's.
    func notes(id: String) -> [String: ConfigValue] {
        info.merging(["name": .string(Self.fileName(id: id, fileExtension))]) { noted, _ in noted }
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
