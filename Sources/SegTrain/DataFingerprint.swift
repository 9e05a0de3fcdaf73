internal import Foundation
public import SegData
public import SegImaging
internal import SegModels

/// What a training was given, by content, so that a resumed one can tell that it is the same.
public struct DataFingerprint: Hashable, Sendable, Codable {
    /// A case by its name and its files' sizes and contents.
    struct Entry: Hashable, Sendable, Codable {
        let name: String
        let image: String
        let label: String
    }

    let training: [Entry]
    let validation: [Entry]

    /// Reads every file of a split.
    /// - Throws: `ImagingError` naming a file that cannot be read.
    public init(_ split: Dataset.Split) throws(ImagingError) {
        training = try Self.entries(split.training)
        validation = try Self.entries(split.validation)
    }

    private static func entries(_ cases: [DatasetCase]) throws(ImagingError) -> [Entry] {
        var entries: [Entry] = []
        for item in cases {
            entries.append(
                Entry(name: item.name, image: try content(of: item.image), label: try content(of: item.label)))
        }
        return entries
    }

    /// The size and a 64-bit hash of a file: enough to notice a change, not to withstand a forger.
    private static func content(of path: String) throws(ImagingError) -> String {
        guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe) else {
            throw ImagingError(.noInput, path, "cannot be read")
        }
        let hash = data.withUnsafeBytes { bytes -> UInt64 in
            var hash: UInt64 = 0xCBF2_9CE4_8422_2325
            func take(_ word: UInt64) {
                hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
                hash ^= hash >> 29
            }
            let whole = bytes.count / 8 * 8
            for offset in stride(from: 0, to: whole, by: 8) {
                take(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            }
            for byte in bytes[whole...] { take(UInt64(byte)) }
            return hash
        }
        return "\(data.count):\(String(hash, radix: 16))"
    }

    /// Insists that these are the data a run was started with.
    /// - Throws: `ConfigError` that lists what differs.
    public func checkResumes(_ started: DataFingerprint, source: String) throws {
        let changes =
            Self.changes("training", from: started.training, to: training)
            + Self.changes("validation", from: started.validation, to: validation)
        guard changes.isEmpty else {
            let more = changes.count > 8 ? "; and \(changes.count - 8) more" : ""
            throw ConfigError(
                source: source, key: "data",
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
