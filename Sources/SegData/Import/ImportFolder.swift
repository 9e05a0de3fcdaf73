// The compiler attributes `stat` to the first module whose header includes it.
internal import CArchive
internal import Foundation
internal import SegCore

/// A hidden folder beside the target that an import fills and renames to the dataset when it is complete.
///
/// It is locked while its import runs. The folder of a killed import is not locked, and the next import into the same
/// parent removes it.
final class ImportFolder {
    /// The folder into which an archive is unpacked.
    let archive: URL
    /// The folder that becomes the dataset.
    let dataset: URL
    /// The last path component of `archive`.
    static let archiveName = "archive"
    private let path: String
    private let descriptor: Int32
    private let madeParents: [String]

    /// Creates the folder beside its target, and removes the folders of killed imports.
    /// - Throws: `DataError` if it cannot be created.
    init(for target: URL) throws(DataError) {
        let parent = target.deletingLastPathComponent()
        madeParents = try Self.makeParents(parent)
        Self.removeLeftovers(in: parent.path)
        (path, descriptor) = try Self.makeLocked(for: target.lastPathComponent, in: parent)
        (archive, dataset) = (
            URL(fileURLWithPath: "\(path)/\(Self.archiveName)"), URL(fileURLWithPath: path + "/dataset")
        )
        for part in [archive, dataset] where mkdir(part.path, 0o777) != 0 { throw Self.unwritable(part.path) }
    }

    /// A new, empty and locked folder.
    private static func makeLocked(
        for target: String, in parent: URL
    ) throws(DataError) -> (path: String, descriptor: Int32) {
        while true {
            // A name has at most 255 bytes.
            let name = ".\(target.prefix(50)).\(purpose)\(UUID().uuidString)"
            let path = parent.appendingPathComponent(name).path
            guard mkdir(path, 0o777) == 0 else { throw unwritable(path) }
            if let descriptor = lock(path, waits: true) { return (path, descriptor) }
            let reason = errno
            var status = stat()
            // Another import may have removed the folder as a leftover before this import locked it.
            if lstat(path, &status) != 0, errno == ENOENT { continue }
            rmdir(path)
            throw DataError(.cannotWrite, path, "cannot be locked: \(String(cString: strerror(reason)))")
        }
    }

    /// In a text for the user, replaces paths in this temporary folder by paths of the archive or of the dataset.
    func renamed(_ text: String, source: String, target: URL) -> String {
        text.replacing(archive.path + "/", with: source + ": ").replacing(archive.path, with: source)
            .replacing(dataset.path, with: target.path)
    }

    /// Removes the folder with its remaining content, and the parents that were created for it if they are empty.
    func remove() {
        try? FileManager.default.removeItem(atPath: path)
        for parent in madeParents.reversed() { rmdir(parent) }
    }

    deinit { close(descriptor) }

    /// Renames the dataset to its target, after its files are synced to the disk.
    ///
    /// `rename` replaces a folder only if it is empty: files that another process put there meanwhile stay, and one of
    /// two concurrent imports is refused.
    /// - Throws: `DataError` if the target contains something or cannot be written.
    func become(_ target: URL) throws(DataError) {
        try Self.sync(dataset.path)
        guard rename(dataset.path, target.path) == 0 else {
            let reason = errno
            if [ENOTEMPTY, EEXIST, ENOTDIR].contains(reason) {
                throw DataError(
                    .cannotWrite, target.path,
                    "was filled by another process during the import; nothing in it was changed. Give another folder.")
            }
            throw DataError(.cannotWrite, target.path, "cannot be created: \(String(cString: strerror(reason)))")
        }
        DurableFile.syncFolder(of: target.path)
    }

    /// The text before the random part of the name of an import folder.
    private static let purpose = "unpacked-"
    /// `purpose`, and the text of earlier versions for a second folder that they made.
    private static let purposes = [purpose, "partial-"]

    /// Removes the folders of imports that no longer run.
    private static func removeLeftovers(in parent: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] where isOurs(name) {
            // A running import holds the lock of its folder.
            guard let descriptor = lock("\(parent)/\(name)", waits: false) else { continue }
            try? FileManager.default.removeItem(atPath: "\(parent)/\(name)")
            close(descriptor)
        }
    }

    /// Whether a name is the name of an import folder: hidden, and ending in the purpose and a UUID.
    private static func isOurs(_ name: String) -> Bool {
        guard name.hasPrefix("."), UUID(uuidString: String(name.suffix(36))) != nil else { return false }
        return purposes.contains { name.dropLast(36).hasSuffix(".\($0)") }
    }

    /// An open, locked descriptor of a folder; nil if another process holds the lock or has removed the folder, or if
    /// the system refuses the lock, with the reason in `errno`.
    private static func lock(_ path: String, waits: Bool) -> Int32? {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var (opened, named) = (stat(), stat())
        if flock(descriptor, waits ? LOCK_EX : LOCK_EX | LOCK_NB) == 0, fstat(descriptor, &opened) == 0,
            lstat(path, &named) == 0, opened.st_ino == named.st_ino
        {
            return descriptor
        }
        let reason = errno
        close(descriptor)
        errno = reason
        return nil
    }

    /// Creates the missing parent folders of the target.
    /// - Returns: The parent folders that did not exist.
    private static func makeParents(_ folder: URL) throws(DataError) -> [String] {
        var missing: [String] = []
        var next = folder
        while !FileManager.default.fileExists(atPath: next.path), next.path != "/" {
            missing.insert(next.path, at: 0)
            next = next.deletingLastPathComponent()
        }
        for path in missing where mkdir(path, 0o777) != 0 && errno != EEXIST { throw unwritable(path) }
        return missing
    }

    /// Syncs the files of a dataset to the disk; links have no bytes to sync.
    private static func sync(_ folder: String) throws(DataError) {
        for name in (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? [] {
            let path = "\(folder)/\(name)"
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFLNK else { continue }
            try DurableFile.sync(path)
        }
        try DurableFile.sync(folder)
    }

    private static func unwritable(_ path: String) -> DataError {
        DataError(.cannotWrite, path, "the folder cannot be made: \(String(cString: strerror(errno)))")
    }
}
