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
            throw DataError(
                .cannotWrite, folder,
                "a temporary file of \((bytes + 0xF_FFFF) >> 20) MiB cannot be created in this folder: "
                    + String(cString: strerror(status)))
        }
    }

    deinit { close(descriptor) }

    /// Writes bytes at an offset.
    /// - Throws: `DataError` naming the folder, if the bytes cannot be written, for example if the disk is full.
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(DataError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(
                descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw DurableFile.unwritable(folder) }
            done += count
        }
    }

    /// Reads bytes at an offset.
    /// - Throws: `DataError` naming the folder, if the bytes cannot be read.
    package func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(DataError) {
        var done = 0
        while done < bytes.count {
            let count = pread(
                descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw DataError(
                    .cannotWrite, folder,
                    "the temporary file in this folder cannot be read: \(String(cString: strerror(errno)))")
            }
            // Nothing was written after the end of the file.
            if count == 0 {
                UnsafeMutableRawBufferPointer(rebasing: bytes[done...]).initializeMemory(as: UInt8.self, repeating: 0)
                return
            }
            done += count
        }
    }
}
