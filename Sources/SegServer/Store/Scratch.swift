internal import Foundation
internal import HTTPTypes
internal import SegCore

/// The server's own folder: uploads, caches and results, all of which end with their session.
///
/// What servers have put there is removed when one starts, so that nothing of a run that was killed is ever seen again,
/// and the folder is locked, so that two servers do not empty each other's. What was not there before the server is not
/// there after it.
final class Scratch: Sendable {
    let folder: String
    let budget: ByteBudget
    private let lock: Int32
    /// Whether the lock was not there before.
    private let madeLock: Bool
    /// The folders that were not there before, the innermost first.
    private let madeFolders: [String]

    /// Takes the folder that the options name, empties it and makes it this user's alone.
    /// - Throws: `ServerStartError` where another server uses it, `DataError` where it cannot be made or written.
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

    /// The folders of a path that are not there, the innermost first.
    private static func missing(_ folder: String) -> [String] {
        var url = URL(fileURLWithPath: folder).standardizedFileURL
        var missing: [String] = []
        while url.pathComponents.count > 1, !FileManager.default.fileExists(atPath: url.path) {
            missing.append(url.path)
            url = url.deletingLastPathComponent()
        }
        return missing
    }

    /// Removes folders that are empty; what somebody put into one meanwhile stays.
    private static func remove(_ folders: [String]) {
        for folder in folders { rmdir(folder) }
    }

    /// Makes a folder where there is none.
    /// - Returns: The names of what it holds.
    /// - Throws: `DataError` where it cannot be made or holds what is no server's.
    private static func make(_ folder: String) throws -> [String] {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw DataError(.cannotWrite, folder, "the server's folder cannot be made; name another with --scratch")
        }
        let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // Somebody's data must not be taken for the remains of an earlier run.
        guard found.isEmpty || found.contains(lockName) else {
            throw DataError(
                .cannotWrite, folder, "holds files that are no server's; name an empty folder with --scratch")
        }
        return found
    }

    /// Locks a folder for as long as the descriptor is open.
    /// - Throws: `ServerStartError` where another server has it, `DataError` where it cannot be written.
    private static func takeLock(of folder: String, _ options: ServerOptions) throws -> Int32 {
        let path = "\(folder)/\(lockName)"
        // Another server may only be looking whether this one's remains are to be removed.
        var tries = 10
        while true {
            let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard lock >= 0 else {
                let reason = String(cString: strerror(errno))
                throw DataError(.cannotWrite, folder, "cannot be written (\(reason)); name another with --scratch")
            }
            let isLocked = flock(lock, LOCK_EX | LOCK_NB) == 0
            // A server that ends removes its lock: this may be a file that nobody else sees.
            if isLocked, FileLock.isNamed(lock, path) { return lock }
            close(lock)
            if isLocked { continue }
            guard tries > 0 else { throw ServerStartError(taken: folder, options) }
            tries -= 1
            usleep(50_000)
        }
    }

    /// Ends the server's use of the folder: removes what it holds, and the folder itself where the server made it.
    func discard() {
        try? Self.empty(folder)
        if madeLock { unlink("\(folder)/\(Self.lockName)") }
        Self.remove(madeFolders)
    }

    /// Removes what servers have put there, and nothing else.
    private static func empty(_ folder: String) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) where isMade(name) {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    /// Removes the uploads and results of servers at other ports that were killed: nobody may start those again.
    private static func emptyAbandoned(besides folder: String) {
        let all = URL(fileURLWithPath: folder).deletingLastPathComponent().path
        for name in (try? FileManager.default.contentsOfDirectory(atPath: all)) ?? [] where "\(all)/\(name)" != folder {
            let lock = open("\(all)/\(name)/\(lockName)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { try? empty("\(all)/\(name)") }
            close(lock)
        }
    }

    /// The folder of scans of a server that was given none.
    static let studiesName = "studies"

    /// Whether a server gives such a name to a file or folder of its own: a word, an id, and perhaps an ending.
    private static func isMade(_ name: String) -> Bool {
        if name == studiesName { return true }
        let parts = name.split(separator: "-", maxSplits: 1).map(String.init)
        guard parts.count == 2, ["upload", "session", "study", "job", "label"].contains(parts[0]) else { return false }
        return StudyName.isMade(String(parts[1].prefix { $0 != "." }))
    }

    /// A new file for an upload.
    /// - Throws: `Refusal` where it cannot be made.
    func makeUpload() throws -> FileSink {
        try FileSink(path: "\(folder)/upload-\(Self.makeID())", budget: budget)
    }

    /// A new empty folder.
    /// - Throws: `Refusal` where it cannot be made.
    func makeFolder(_ id: String) throws -> String {
        let path = "\(folder)/\(id)"
        guard mkdir(path, 0o700) == 0 else {
            throw Refusal(.serverIsFull, "a folder cannot be made: \(String(cString: strerror(errno)))")
        }
        return path
    }

    /// Removes a folder and gives its bytes back.
    func remove(_ path: String, bytes: Int) {
        try? FileManager.default.removeItem(atPath: path)
        budget.release(bytes)
    }

    /// 128 random bits: an id that nobody guesses, and the only thing that ever becomes part of a path.
    static func makeID() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let word = String(generator.next(), radix: 16)
            return String(repeating: "0", count: 16 - word.count) + word
        }.joined()
    }

    /// Bytes of a file.
    static func size(of path: String) -> Int {
        ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int) ?? 0
    }
}
