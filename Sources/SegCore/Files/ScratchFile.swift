internal import Foundation

/// A file for what memory does not hold, which goes with the process that made it. What was never written reads as 0.
package final class ScratchFile {
    private let folder: String
    private let descriptor: Int32

    /// Makes a file without a name in a folder.
    /// - Throws: `DataError` naming the folder.
    package init(in folder: String) throws(DataError) {
        self.folder = folder
        var name = Array("\(folder)/medseg-scratch-XXXXXX".utf8CString)
        descriptor = mkstemp(&name)
        guard descriptor >= 0 else { throw DurableFile.unwritable(folder) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(name)
    }

    deinit { close(descriptor) }

    /// Writes bytes at a place.
    /// - Throws: `DataError` naming the folder, where the disk is full.
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

    /// Reads bytes from a place.
    /// - Throws: `DataError` naming the folder.
    package func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) throws(DataError) {
        var done = 0
        while done < bytes.count {
            let count = pread(
                descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, off_t(offset + done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw DataError(.cannotWrite, folder, "cannot be read back: \(String(cString: strerror(errno)))")
            }
            // Behind the end nothing was written.
            if count == 0 {
                UnsafeMutableRawBufferPointer(rebasing: bytes[done...]).initializeMemory(as: UInt8.self, repeating: 0)
                return
            }
            done += count
        }
    }
}
