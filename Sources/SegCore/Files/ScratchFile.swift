internal import Foundation

/// A temporary file for data that does not fit into memory. The system deletes it when the process ends. Bytes that were never
/// written are read as 0.
package final class ScratchFile {
    private let folder: String
    private let descriptor: Int32

    /// Creates a file without a name in a folder, and reserves its bytes on the disk.
    /// - Parameter bytes: The size of the file.
    /// - Throws: `DataError` naming the folder, if the file cannot be created or its bytes do not fit on the disk.
    package init(in folder: String, reserving bytes: Int) throws(DataError) {
        self.folder = folder
        var name = Array("\(folder)/medseg-scratch-XXXXXX".utf8CString)
        descriptor = mkstemp(&name)
        guard descriptor >= 0 else { throw DurableFile.unwritable(folder) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(name)
        guard bytes > 0 else { return }
        var status: Int32
        repeat { status = posix_fallocate(descriptor, 0, off_t(bytes)) } while status == EINTR
        guard status == 0 else {
            throw unusable(
                "a temporary file of \((bytes + 0xF_FFFF) >> 20) MiB cannot be created in this folder", status)
        }
    }

    deinit { close(descriptor) }

    /// Writes bytes at an offset.
    /// - Throws: `DataError` naming the folder, if the bytes cannot be written, for example if the disk is full.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DataError) {
        let done = transferred(bytes.count) {
            pwrite(descriptor, bytes.baseAddress?.advanced(by: $0), $1, off_t(offset + $0))
        }
        guard done == bytes.count else { throw DurableFile.unwritable(folder) }
    }

    /// Reads bytes at an offset.
    /// - Throws: `DataError` naming the folder, if the bytes cannot be read.
    package func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(DataError) {
        let done = transferred(bytes.count) {
            pread(descriptor, bytes.baseAddress?.advanced(by: $0), $1, off_t(offset + $0))
        }
        guard let done else { throw unusable("the temporary file in this folder cannot be read", errno) }
        // Nothing was written after the end of the file.
        UnsafeMutableRawBufferPointer(rebasing: bytes[done...]).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Repeats a system call that transfers a part of the bytes, until it transfers none.
    /// - Parameter call: Receives the number of bytes that are done and the number that is left.
    /// - Returns: The number of bytes that were transferred; nil if the call failed, with the reason in `errno`.
    private func transferred(_ count: Int, _ call: (_ done: Int, _ left: Int) -> Int) -> Int? {
        var done = 0
        while done < count {
            let step = call(done, count - done)
            if step < 0, errno == EINTR { continue }
            guard step >= 0 else { return nil }
            if step == 0 { break }
            done += step
        }
        return done
    }

    private func unusable(_ fault: String, _ status: Int32) -> DataError {
        DataError(.cannotWrite, folder, "\(fault): \(String(cString: strerror(status)))")
    }
}
