internal import Foundation
internal import HTTPTypes
internal import SegCore

/// The server's own folder: uploads, caches and results, which are deleted with their session.
///
/// At its start a server removes the files of earlier servers, therefore nothing of a killed run is ever used again.
/// The folder is locked, so that two servers do not empty each other's folders. At its end a server removes everything that it
/// created.
final class Scratch: Sendable {
    let folder: String
    let budget: ByteBudget
    private let lock: Int32
    /// Whether the server created the lock file.
    private let madeLock: Bool
    /// The folders that the server created, the innermost first.
    private let madeFolders: [String]

    /// Locks the folder of the options, empties it and makes it accessible to this user only.
    /// - Throws: `ServerStartError` if another server uses it, `DataError` if it cannot be created or written.
    init(_ options: ServerOptions) throws {
        let folder = options.scratchFolder
        let missing = Self.missing(folder)
        self.folder = folder
        budget = ByteBudget(limit: options.limits.scratchBytes)
        madeFolders = missing
        do {
            let found = try Self.make(folder)
            madeLock = !found.contains(Self.lockName)
            lock = try Self.takeLock(of: folder, options)
        } catch {
            Self.remove(missing)
            throw error
        }
        chmod(folder, 0o700)
        try Self.empty(folder)
        if options.scratch == nil { Self.emptyAbandoned(besides: folder) }
    }

    deinit { close(lock) }

    private static let lockName = "medseg-server.lock"

    /// The missing folders of a path, the innermost first.
    private static func missing(_ folder: String) -> [String] {
        var url = URL(fileURLWithPath: folder).standardizedFileURL
        var missing: [String] = []
        while url.pathComponents.count > 1, !FileManager.default.fileExists(atPath: url.path) {
            missing.append(url.path)
            url = url.deletingLastPathComponent()
        }
        return missing
    }

    /// Removes empty folders; a folder with new files of others stays.
    private static func remove(_ folders: [String]) {
        for folder in folders { rmdir(folder) }
    }

    /// Creates a folder if it is missing.
    /// - Returns: The names of its files.
    /// - Throws: `DataError` if the folder cannot be created, or if it contains files that no server made.
    private static func make(_ folder: String) throws -> [String] {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw DataError(
                .cannotWrite, folder, "the server's folder cannot be created; choose another with --scratch")
        }
        let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // A user's data must not be mistaken for the remains of an earlier run.
        guard found.isEmpty || found.contains(lockName) else {
            throw DataError(
                .cannotWrite, folder, "contains files that are not a server's; choose an empty folder with --scratch")
        }
        return found
    }

    /// Locks a folder as long as the descriptor is open.
    /// - Throws: `ServerStartError` if another server holds the lock, `DataError` if the folder cannot be written.
    private static func takeLock(of folder: String, _ options: ServerOptions) throws -> Int32 {
        let path = "\(folder)/\(lockName)"
        // Another server may hold the lock briefly to check for abandoned files.
        var tries = 10
        while true {
            let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard lock >= 0 else {
                let reason = String(cString: strerror(errno))
                throw DataError(.cannotWrite, folder, "cannot be written (\(reason)); choose another with --scratch")
            }
            let isLocked = flock(lock, LOCK_EX | LOCK_NB) == 0
            // A server that ends removes its lock file: the locked file may no longer be the one at the path.
            if isLocked, FileLock.isNamed(lock, path) { return lock }
            close(lock)
            if isLocked { continue }
            guard tries > 0 else { throw ServerStartError(taken: folder, options) }
            tries -= 1
            usleep(50_000)
        }
    }

    /// Ends the use of the folder: removes its content, and the folder itself if the server created it.
    func discard() {
        UploadRemoval.finish()
        try? Self.empty(folder)
        if madeLock { unlink("\(folder)/\(Self.lockName)") }
        Self.remove(madeFolders)
    }

    /// Removes the files of servers, and nothing else.
    private static func empty(_ folder: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) where isMade(name) {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    /// Removes the files of killed servers at other ports, which no further server might remove.
    private static func emptyAbandoned(besides folder: String) {
        let all = URL(fileURLWithPath: folder).deletingLastPathComponent().path
        for name in (try? FileManager.default.contentsOfDirectory(atPath: all)) ?? [] where "\(all)/\(name)" != folder {
            let lock = open("\(all)/\(name)/\(lockName)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { try? empty("\(all)/\(name)") }
            close(lock)
        }
    }

    /// The folder of scans of a server without `--studies`.
    static let studiesName = "studies"

    /// Whether a server creates files or folders with such a name: a word, an id, and possibly a file extension.
    private static func isMade(_ name: String) -> Bool {
        if name == studiesName { return true }
        let parts = name.split(separator: "-", maxSplits: 1).map(String.init)
        guard parts.count == 2, ["upload", "session", "study", "job", "label"].contains(parts[0]) else { return false }
        return StudyName.isMade(String(parts[1].prefix { $0 != "." }))
    }

    /// Creates a file for an upload.
    /// - Throws: `Refusal` if it cannot be created.
    func makeUpload() throws -> FileSink {
        try FileSink(path: "\(folder)/upload-\(Self.makeID())", budget: budget)
    }

    /// Creates an empty folder.
    /// - Throws: `Refusal` if it cannot be created.
    func makeFolder(_ id: String) throws -> String {
        let path = "\(folder)/\(id)"
        guard mkdir(path, 0o700) == 0 else {
            throw Refusal(.serverIsFull, "a folder cannot be created: \(String(cString: strerror(errno)))")
        }
        return path
    }

    /// Removes a folder and releases its bytes.
    func remove(_ path: String, bytes: Int) {
        try? FileManager.default.removeItem(atPath: path)
        budget.release(bytes)
    }

    /// 128 random bits as an id that cannot be guessed. Only such ids, never a client's text, become parts of paths in this
    /// folder.
    static func makeID() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let word = String(generator.next(), radix: 16)
            return String(repeating: "0", count: 16 - word.count) + word
        }.joined()
    }

    /// The bytes of a file.
    static func size(of path: String) -> Int {
        ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int) ?? 0
    }
}
