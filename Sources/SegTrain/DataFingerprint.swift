public import SegCore
public import SegData

/// A fingerprint of the content of a run's data, with which a resumed run checks that its data are the same.
public struct DataFingerprint: Hashable, Sendable, Codable {
    /// A case by its name and the SHA-256 digests of its files; the digests of several channels are joined.
    struct Entry: Hashable, Sendable, Codable {
        let name: String
        let image: String
        let label: String
    }

    let training: [Entry]
    let validation: [Entry]

    /// Reads every file of a split.
    /// - Throws: `DataError` naming a file that cannot be read.
    public init(_ split: Dataset.Split) throws(DataError) {
        training = try Self.entries(split.training)
        validation = try Self.entries(split.validation)
    }

    /// The fingerprint of data that are not in files, such as arrays.
    public static let unknown = DataFingerprint(training: [], validation: [])

    private init(training: [Entry], validation: [Entry]) {
        self.training = training
        self.validation = validation
    }

    /// One digest of all data: the SHA-256 of the cases' names and digests.
    public var digest: String {
        let digest = ContentDigest(.sha256)
        for entry in training + validation {
            digest.update(Array("\(entry.name) \(entry.image) \(entry.label)\n".utf8))
        }
        return digest.finish()
    }

    /// The digests of each case's files, by the case's name.
    package var digests: [String: String] {
        Dictionary((training + validation).map { ($0.name, "\($0.image) \($0.label)") }) { first, _ in first }
    }

    private static func entries(_ cases: [DatasetCase]) throws(DataError) -> [Entry] {
        var entries: [Entry] = []
        for item in cases {
            var images: [String] = []
            for file in item.images { images.append(try ContentDigest.of(file: file, .sha256)) }
            entries.append(
                Entry(
                    name: item.name, image: images.joined(separator: " "),
                    label: try ContentDigest.of(file: item.label, .sha256)))
        }
        return entries
    }

    /// Checks that these are the data that a run was started with.
    /// - Throws: `DataError` that lists the differences.
    public func checkResumes(_ started: DataFingerprint, source: String) throws {
        let changes =
            Self.changes("training", from: started.training, to: training)
            + Self.changes("validation", from: started.validation, to: validation)
        guard changes.isEmpty else {
            let more = changes.count > 8 ? "; and \(changes.count - 8) more" : ""
            throw DataError(
                .badData, source, key: "data",
                "the data are not those that the run was started with: \(changes.prefix(8).joined(separator: "; "))"
                    + "\(more). Put them back, or start another run with --out")
        }
    }

    private static func changes(_ role: String, from before: [Entry], to after: [Entry]) -> [String] {
        let old = Dictionary(before.map { ($0.name, $0) }) { first, _ in first }
        let new = Dictionary(after.map { ($0.name, $0) }) { first, _ in first }
        var changes = before.filter { new[$0.name] == nil }.map { "\(role) case \($0.name) is gone" }
        for entry in after {
            guard let earlier = old[entry.name] else {
                changes.append("\(role) case \(entry.name) is new")
                continue
            }
            if earlier.image != entry.image { changes.append("the image of \(role) case \(entry.name) changed") }
            if earlier.label != entry.label { changes.append("the label of \(role) case \(entry.name) changed") }
        }
        if changes.isEmpty, before != after { changes.append("the order of the \(role) cases changed") }
        return changes
    }
}
