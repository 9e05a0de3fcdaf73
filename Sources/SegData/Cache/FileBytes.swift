// The compiler attributes `stat` to the first module whose header includes it.
internal import CArchive
internal import Foundation

/// A file that is open for reading at any offset, even after its name is deleted.
///
/// The file is read, never mapped: reading mapped memory of a file that another process truncates ends the process.
final class FileBytes: Sendable {
    /// The number of bytes when the file was opened.
    let count: Int
    private let descriptor: Int32

    /// Opens a file that is not empty; nil if it cannot be opened or is empty.
    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else {
            close(descriptor)
            return nil
        }
        count = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// Fills memory with the bytes from an offset on; false if the file has fewer bytes or cannot be read.
    func read(from offset: Int, into memory: UnsafeMutableRawBufferPointer) -> Bool {
        var done = 0
        while done < memory.count {
            let count = pread(descriptor, memory.baseAddress! + done, memory.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }

    /// Calls a closure with the whole content; nil if the file cannot be read.
    func withContent<Result>(_ body: (UnsafeRawBufferPointer) -> Result?) -> Result? {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { memory.deallocate() }
        return read(from: 0, into: memory) ? body(UnsafeRawBufferPointer(memory)) : nil
    }
}
