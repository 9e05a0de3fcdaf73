internal import Foundation
internal import HTTPTypes
internal import SegImaging

/// The server's own folder: uploads, caches and results, all of which end with their session.
///
/// It is emptied when the server starts, so that nothing of a run that was killed is ever seen again, and locked, so
/// that two servers do not empty each other's.
final class Scratch: Sendable {
    let folder: String
    let budget: ByteBudget
    private let lock: Int32

    /// Takes a folder, empties it and makes it this user's alone.
    /// - Throws: `ImagingError` where it cannot be made or another server uses it.
    init(folder: String, budget: ByteBudget) throws {
        self.folder = folder
        self.budget = budget
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw ImagingError(.cannotWrite, folder, "the server's folder cannot be made; name another")
        }
        let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        // Somebody's data must not be taken for the remains of an earlier run.
        guard found.isEmpty || found.contains(Self.lockName) else {
            throw ImagingError(.cannotWrite, folder, "holds files that are no server's; name an empty folder")
        }
        lock = open("\(folder)/\(Self.lockName)", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw ImagingError(.cannotWrite, folder, "is another running server's folder; name another")
        }
        chmod(folder, 0o700)
        try empty()
    }

    deinit { close(lock) }

    private static let lockName = "medseg-server.lock"

    /// Removes everything but the lock.
    func empty() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name != Self.lockName {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
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
