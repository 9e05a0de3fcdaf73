// The compiler attributes `stat` to the first module whose header includes it.
internal import CArchive
internal import Foundation
package import SegCore

/// A ZIP, or another archive that `Archive` reads, unpacked into a folder of its own that is removed with the object.
package final class UnpackedArchive: Sendable {
    /// The folder of the unpacked files.
    package let folder: String
    /// The folder's descriptor, open and locked while the folder is in use.
    private let lock: Int32

    /// The prefix of the folders' names; the ID of the process that created the folder follows.
    private static let prefix = "medseg-archive-"

    /// Whether a file is a ZIP, by its first bytes.
    package static func isZip(_ head: some Sequence<UInt8>) -> Bool { head.starts(with: [0x50, 0x4b, 0x03, 0x04]) }

    /// Whether a path is a file that is a ZIP.
    package static func isZip(file path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let handle = FileHandle(forReadingAtPath: path)
        else { return false }
        defer { try? handle.close() }
        return isZip((try? handle.read(upToCount: 4)) ?? Data())
    }

    /// Unpacks a file under the limits of archives; names that lead outside the folder, links and devices are refused.
    /// - Parameters:
    ///   - parent: The parent of the new folder; nil for the folder of temporary files.
    ///   - mostBytes: The maximum number of bytes that are unpacked.
    /// - Throws: `DataError` if the file is damaged or exceeds a limit, or the disk is full.
    package init(
        _ path: String, in parent: String? = nil, mostBytes: Int = Limits.archiveBytes
    ) throws(DataError) {
        let parent = parent ?? FileManager.default.temporaryDirectory.path
        Self.sweep(parent)
        // Other users must not be able to read patient data.
        let made = "\(parent)/\(Self.prefix)\(getpid())-XXXXXX".withCString { template -> String? in
            guard let copy = strdup(template) else { return nil }
            defer { free(copy) }
            return mkdtemp(copy).map { String(cString: $0) }
        }
        guard let made else { throw DataError(.cannotWrite, parent, "has no room for the files of an archive.") }
        folder = made
        lock = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        flock(lock, LOCK_EX | LOCK_NB)
        try Archive.unpack(path, into: URL(fileURLWithPath: made), mostBytes: mostBytes) { _ in }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
        if lock >= 0 { close(lock) }
    }

    /// Removes the folders of programs that ended before they could remove them.
    private static func sweep(_ parent: String) {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] where name.hasPrefix(prefix) {
            // A process of another container is not visible here, but it holds the lock.
            guard let maker = name.dropFirst(prefix.count).split(separator: "-").first.flatMap({ Int32($0) }),
                maker > 0,
                kill(maker, 0) != 0, errno == ESRCH
            else { continue }
            let path = "\(parent)/\(name)"
            let handle = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard handle >= 0 else { continue }
            if flock(handle, LOCK_EX | LOCK_NB) == 0 { try? FileManager.default.removeItem(atPath: path) }
            close(handle)
        }
    }
}
