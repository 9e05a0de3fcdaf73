internal import CNIfTI
internal import Foundation

/// The content of a gzip file of one or more members, read forward with bounded memory. zlib checks the length and the
/// checksum of each member.
package final class GzipReader {
    /// What is wrong with the file; nil as long as nothing is.
    package private(set) var fault: String?
    private let file: gzFile
    private let descriptor: Int32
    private let buffer: UnsafeMutableRawBufferPointer

    private static let chunk = 256 << 10

    /// Whether a file begins like gzip.
    package static func isGzip(_ path: String) -> Bool {
        guard let handle = FileHandle(forReadingAtPath: path) else { return false }
        defer { try? handle.close() }
        return ((try? handle.read(upToCount: 2)) ?? Data()).elementsEqual([0x1f, 0x8b])
    }

    /// Opens a file; nil if it cannot be opened for reading.
    package init?(_ path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        guard let file = gzdopen(descriptor, "rb") else {
            close(descriptor)
            return nil
        }
        gzbuffer(file, UInt32(Self.chunk))
        self.descriptor = descriptor
        self.file = file
        buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.chunk, alignment: 16)
    }

    deinit {
        gzclose_r(file)
        buffer.deallocate()
    }

    /// The number of bytes of the file that are read.
    package var position: Int { Int(lseek(descriptor, 0, SEEK_CUR)) }

    /// The next bytes, valid until the next call; none at the end of the file, and nil if the file is damaged.
    package func next() -> UnsafeRawBufferPointer? {
        guard fault == nil else { return nil }
        let count = Int(gzread(file, buffer.baseAddress, UInt32(Self.chunk)))
        if count > 0 { return UnsafeRawBufferPointer(start: buffer.baseAddress, count: count) }
        var code: Int32 = 0
        let text = gzerror(file, &code)
        switch code {
        case Z_OK: return UnsafeRawBufferPointer(start: buffer.baseAddress, count: 0)
        case Z_BUF_ERROR: fault = "its gzip stream is cut short"
        case Z_DATA_ERROR: fault = "its gzip stream is damaged or does not match its checksum"
        default: fault = text.map { String(cString: $0) } ?? "zlib cannot read it"
        }
        return nil
    }
}
