internal import Foundation

/// A lock file that one process holds at a time; the lock of a process that dies is released.
public final class FileLock: Sendable {
    private let path: String
    private let descriptor: Int32

    /// Acquires the lock and creates its file if it is missing; nil if another process holds the lock.
    /// - Throws: `DataError` naming the file if it cannot be created or locked.
    public init?(_ path: String) throws(DataError) {
        while true {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
            guard descriptor >= 0 else { throw Self.failed(path, errno) }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                // The next call may change `errno`.
                let reason = errno
                close(descriptor)
                if reason == EWOULDBLOCK { return nil }
                throw Self.failed(path, reason)
            }
            // The previous holder may have removed the file after it was opened here.
            if Self.isNamed(descriptor, path) {
                (self.path, self.descriptor) = (path, descriptor)
                return
            }
            close(descriptor)
        }
    }

    deinit {
        // Another process may have removed the file and created and locked one with the same name.
        if Self.isNamed(descriptor, path) { unlink(path) }
        close(descriptor)
    }

    /// Whether an open file is the file at a path.
    package static func isNamed(_ descriptor: Int32, _ path: String) -> Bool {
        var (opened, named) = (stat(), stat())
        return fstat(descriptor, &opened) == 0 && lstat(path, &named) == 0 && opened.st_ino == named.st_ino
            && opened.st_dev == named.st_dev
    }

    private static func failed(_ path: String, _ reason: Int32) -> DataError {
        DataError(.cannotWrite, path, "cannot be locked: \(String(cString: strerror(reason)))")
    }
}
