internal import Foundation
public import SegCore
public import SegImaging

/// Prepared cases on disk, each computed once for all training runs that prepare the same files in the same way.
///
/// The key of a case is a digest of the bytes of its image and label and of every setting of the preparation, so no
/// outdated entry is ever used. Several processes may share a folder; a damaged file is computed again. The folder may be
/// removed at any time.
public struct CaseCache: Hashable, Sendable {
    /// The folder of the cases; nil keeps them in memory.
    public let folder: String?

    /// Creates a cache in a folder, which is created when it is needed; nil for no cache.
    public init(folder: String?) { self.folder = folder }

    /// The user's own cache: `$XDG_CACHE_HOME/medseg/cases`, or `~/.cache/medseg/cases`.
    public static func ofUser() -> CaseCache { CaseCache(folder: UserCache.folder + "/medseg/cases") }

    /// Returns a case from the cache, or prepares and caches it. If the folder cannot be used, the case stays in memory
    /// and gets a note.
    /// - Parameters:
    ///   - channels: The number of input channels of the network; a case with another number is an error.
    ///   - classes: Number of classes, background included; a label beyond is an error.
    ///   - labels: The mapping from the numbers of a label map to classes.
    /// - Throws: `DataError` naming the file that cannot be read or used.
    public func prepare(
        _ item: DatasetCase, _ preprocessing: Preprocessing, channels: Int, classes: Int,
        labels: LabelScheme = LabelScheme()
    ) throws(DataError) -> PreparedCase {
        guard let folder, let key = CaseKey(item, preprocessing, labels) else {
            return try PreparedCase(item, preprocessing, channels: channels, classes: classes, labels: labels)
        }
        let path = "\(folder)/\(key.hex).case"
        func wrap(_ file: CaseFile) throws(DataError) -> PreparedCase {
            try PreparedCase.check(channels: file.channels, of: channels, file: item.image)
            guard file.largestClass < labels.byteCount(classes: classes) else {
                throw LabelScheme.stray(file.largestClass, count: classes, ignored: labels.ignored, file: item.label)
            }
            let scan = LabelledScan(file, size: file.size, channels: file.channels, affine: file.affine)
            return PreparedCase(name: item.name, scan: scan, largestClass: file.largestClass)
        }
        if let file = CaseFile(path, key: key) { return try wrap(file) }
        var prepared = try PreparedCase(
            item, preprocessing, channels: channels, classes: classes, labels: labels)
        do {
            try DurableFile.makeFolder(folder)
            try CaseFile.write(prepared.scan, largestClass: prepared.largestClass, key: key, to: path)
        } catch {
            prepared.notes.append(
                "\(item.name): stays in memory (\(error.subject): \(error.message)); set cache: to another folder "
                    + "or none")
            return prepared
        }
        // Another process may have removed the file already; the case in memory is just as good.
        guard let file = CaseFile(path, key: key) else { return prepared }
        var cached = try wrap(file)
        cached.notes = prepared.notes
        return cached
    }

    /// Removes unfinished files of processes that ended while they wrote; call it once before `prepare`.
    public func removeLeftovers() {
        guard let folder else { return }
        DurableFile.removeLeftovers(in: folder)
        // Up to commit 222aa07 such files had other names and no lock, therefore their age decides.
        let yesterday = Date(timeIntervalSinceNow: -24 * 60 * 60)
        let files = FileManager.default
        for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where name.hasSuffix(".tmp") {
            let path = "\(folder)/\(name)"
            let changed = (try? files.attributesOfItem(atPath: path))?[.modificationDate] as? Date
            if let changed, changed < yesterday { try? files.removeItem(atPath: path) }
        }
    }
}
