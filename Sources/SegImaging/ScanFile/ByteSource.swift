import CNIfTI
import Foundation
internal import SegCore

/// A file that is read forward and decompressed if it is gzip, regardless of its name.
///
/// libnifti's own readers allocate the size in the header before they read data, guess file names and print to the
/// terminal. Only libnifti's stream layer (znz, over zlib) is used, and memory is filled only with bytes that have
/// arrived.
final class ByteSource {
    let path: String
    /// The size on disk, compressed or not.
    let storedBytes: Int
    /// Whether the file starts with gzip's magic.
    let isCompressed: Bool
    private var stream: znzFile?
    private(set) var position = 0

    /// The deflate format expands a byte to at most 1032 bytes.
    private static let largestExpansion = 1032

    /// The maximum number of bytes that this file can contain once decompressed.
    var upperBound: Int {
        guard isCompressed else { return storedBytes }
        let (bound, overflow) = storedBytes.multipliedReportingOverflow(by: Self.largestExpansion)
        return overflow ? Int.max : bound
    }

    init(path: String) throws(DataError) {
        self.path = path
        try Self.checkIsFile(path)
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw Self.unreadable(path)
        }
        let head = (try? handle.read(upToCount: 2)) ?? Data()
        isCompressed = head.elementsEqual([0x1f, 0x8b])
        storedBytes = Int((try? handle.seekToEnd()) ?? 0)
        try? handle.close()
        nifti_set_debug_level(0)
        stream = znzopen(path, "rb", isCompressed ? 1 : 0)
        guard stream != nil else {
            throw Self.unreadable(path)
        }
    }

    /// The size of a file.
    /// - Throws: `DataError` if the file is missing or not a regular file.
    static func size(of path: String) throws(DataError) -> Int {
        try checkIsFile(path)
        var status = stat()
        guard stat(path, &status) == 0 else { throw unreadable(path) }
        return Int(status.st_size)
    }

    /// Reads bytes of a file as they are stored.
    /// - Throws: `DataError` if the file cannot be read or ends too early.
    static func bytes(of path: String, from offset: Int, count: Int) throws(DataError) -> [UInt8] {
        try checkIsFile(path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let received = pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                if received < 0, errno == EINTR { continue }
                guard received > 0 else { break }
                filled += received
            }
        }
        guard bytes.count == count else {
            throw DataError(
                .badData, path, "ends after \(offset + bytes.count) bytes, before its voxels end; copy it again.")
        }
        return bytes
    }

    private static func unreadable(_ path: String) -> DataError {
        DataError(.noInput, path, "cannot be opened for reading; check its permissions.")
    }

    /// Checks that the path is a regular file: a pipe may never receive data, and a device has no end.
    private static func checkIsFile(_ path: String) throws(DataError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            throw DataError(.noInput, path, "there is no such file; check the name.")
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFDIR: throw DataError(.noInput, path, "is a folder; a scan was expected.")
        default:
            throw DataError(
                .noInput, path, "is a pipe, a socket or a device; a scan was expected. Write it to a file first.")
        }
    }

    deinit {
        if stream != nil { _ = Xznzclose(&stream) }
    }

    /// The bytes that identify a file's format; fewer if the file is shorter or damaged.
    func head() -> [UInt8] { (try? read(upTo: NIfTIHeader.probeSize)) ?? [] }

    /// Reads up to `count` bytes; fewer if the file ends.
    func read(upTo count: Int) throws(DataError) -> [UInt8] {
        var bytes: [UInt8] = []
        // Reserved memory is occupied only once bytes arrive.
        bytes.reserveCapacity(count)
        let chunkSize = 1 << 20
        var chunk = [UInt8](repeating: 0, count: min(count, chunkSize))
        while bytes.count < count {
            let wanted = min(chunk.count, count - bytes.count)
            let received = znzread(&chunk, 1, wanted, stream)
            // zlib returns -1 for damaged data.
            guard (0...wanted).contains(received) else { throw damaged() }
            bytes.append(contentsOf: chunk[..<received])
            position += received
            if received < wanted { break }
        }
        return bytes
    }

    /// Reads forward to a position.
    func skip(to target: Int) throws(DataError) {
        while position < target {
            if try read(upTo: min(1 << 20, target - position)).isEmpty { return }
        }
    }

    /// Reads the rest, which makes zlib check the length and checksum of the whole file.
    ///
    /// - Throws: `DataError` if the data is damaged, or if more than `trailerBytes` bytes are left.
    func finish(trailerBytes: Int) throws(DataError) {
        if isCompressed {
            let end = position
            while try !read(upTo: 1 << 20).isEmpty {
                guard position - end <= trailerBytes else {
                    throw DataError(
                        .badData, path,
                        "goes on for more than \(ByteCount(bytes: trailerBytes)) after the \(end) bytes that its "
                            + "header announces; the header is damaged. Copy the file again.")
                }
            }
        }
        let status = Xznzclose(&stream)
        stream = nil
        guard status == 0 else { throw damaged() }
    }

    private func damaged() -> DataError {
        DataError(
            .badData, path,
            "the gzip data is damaged or cut short after \(position) decompressed bytes; "
                + "copy or download the file again.")
    }
}
