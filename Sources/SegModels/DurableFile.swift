internal import Foundation

/// A file that is replaced as a whole, whatever happens to the process or the machine meanwhile.
package enum DurableFile {
    /// Writes beside the file, waits until the bytes are on the disk, and renames.
    /// - Throws: `ConfigError` naming the file; what stood there before is untouched.
    package static func write(_ bytes: [UInt8], to path: String) throws {
        let url = URL(fileURLWithPath: path)
        let folder = url.deletingLastPathComponent().path
        // One name, so that what a killed process left is replaced by the next; a file anew, so that no link is followed.
        let temporary = "\(folder)/.\(url.lastPathComponent).new"
        unlink(temporary)
        do {
            try write(bytes, temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
            guard rename(temporary, path) == 0 else { throw Failure() }
        } catch let failure as Failure {
            unlink(temporary)
            throw ConfigError(.cannotWrite, source: path, key: nil, "cannot be written: \(failure.reason)")
        }
        // The rename itself reaches the disk with its folder; a file system that cannot do this says so in vain.
        let descriptor = open(folder, O_RDONLY)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func write(_ bytes: [UInt8], _ path: String, flags: Int32) throws(Failure) {
        let descriptor = open(path, flags, 0o644)
        guard descriptor >= 0 else { throw Failure() }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                raw.baseAddress.map { systemWrite(descriptor, $0 + written, bytes.count - written) } ?? 0
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let failure = Failure()
                close(descriptor)
                throw failure
            }
            written += count
        }
        guard fsync(descriptor) == 0 else {
            let failure = Failure()
            close(descriptor)
            throw failure
        }
        guard close(descriptor) == 0 else { throw Failure() }
    }

    /// What the system said last.
    private struct Failure: Error {
        let reason = String(cString: strerror(errno))
    }
}

/// `write(2)`, whose name the type above uses for itself.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
