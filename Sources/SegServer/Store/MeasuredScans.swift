internal import Foundation
internal import SegCore

/// Scans of the datastore whose voxels are kept ready, the one used last first.
struct MeasuredScans {
    /// A scan that was measured in one state of its file.
    struct Entry {
        let scan: Scan
        let stamp: FileStamp?
        /// Bytes of its voxels on disk.
        let bytes: Int
        var lastUsed: Date
    }

    /// Scans that are kept; older ones are measured anew.
    private static let limit = 24

    private var entries: [Entry] = []

    /// The scan of a key, if its file is still as it was measured.
    mutating func use(_ key: String, _ stamp: FileStamp?) -> Scan? {
        guard let index = entries.firstIndex(where: { $0.scan.id == key && $0.stamp == stamp }) else { return nil }
        var entry = entries.remove(at: index)
        entry.lastUsed = Date()
        entries.insert(entry, at: 0)
        return entry.scan
    }

    /// Keeps a scan.
    /// - Returns: The entries that have to go.
    mutating func keep(_ entry: Entry) -> [Entry] {
        entries.insert(entry, at: 0)
        let dropped = Array(entries.dropFirst(Self.limit))
        entries.removeLast(dropped.count)
        return dropped
    }

    /// Takes out the scan of a key.
    mutating func remove(_ key: String) -> Entry? {
        entries.firstIndex { $0.scan.id == key }.map { entries.remove(at: $0) }
    }

    /// Keys of scans that nobody has used since a time.
    func keys(unusedSince time: Date) -> [String] { entries.filter { $0.lastUsed < time }.map(\.scan.id) }
}
