internal import Foundation
internal import SegCore

/// The scans of the datastore whose voxels are kept on disk, the most recently used first.
struct MeasuredScans {
    /// A scan that was measured in one state of its file.
    struct Entry {
        let scan: Scan
        let stamp: FileStamp?
        /// The bytes of its voxels on disk.
        let bytes: Int
        var lastUsed: Date
    }

    /// The maximum number of scans; older ones are measured again on use.
    private static let limit = 24

    private var entries: [Entry] = []

    /// The scan of a key, if its file has not changed since it was measured.
    mutating func use(_ key: String, _ stamp: FileStamp?) -> Scan? {
        guard let index = entries.firstIndex(where: { $0.scan.id == key && $0.stamp == stamp }) else { return nil }
        var entry = entries.remove(at: index)
        entry.lastUsed = Date()
        entries.insert(entry, at: 0)
        return entry.scan
    }

    /// Adds a scan.
    /// - Returns: The entries that were removed for it.
    mutating func keep(_ entry: Entry) -> [Entry] {
        entries.insert(entry, at: 0)
        let dropped = Array(entries.dropFirst(Self.limit))
        entries.removeLast(dropped.count)
        return dropped
    }

    /// Removes the scan of a key.
    mutating func remove(_ key: String) -> Entry? {
        entries.firstIndex { $0.scan.id == key }.map { entries.remove(at: $0) }
    }

    /// The keys of scans that were not used since a time.
    func keys(unusedSince time: Date) -> [String] { entries.filter { $0.lastUsed < time }.map(\.scan.id) }
}
