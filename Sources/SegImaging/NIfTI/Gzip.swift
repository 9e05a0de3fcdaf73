import CDeflate
import Foundation

/// Whole gzip files in memory, by libdeflate, which takes a fraction of zlib's time.
enum Gzip {
    /// libdeflate's middle levels cost several times the time of this one for a few per cent of size.
    private static let level: Int32 = 3

    /// What a file holds, where that is `count` bytes to the last; nil for every other file, also a damaged one, about
    /// which a stream that is read from its start can say more.
    static func contents(of path: String, count: Int) -> [UInt8]? {
        guard let packed = try? Data(contentsOf: URL(fileURLWithPath: path)),
            let decompressor = libdeflate_alloc_decompressor()
        else { return nil }
        defer { libdeflate_free_decompressor(decompressor) }
        var isWhole = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { output, initialised in
            isWhole = packed.withUnsafeBytes { inflate($0, into: output, decompressor) }
            initialised = isWhole ? count : 0
        }
        return isWhole ? bytes : nil
    }

    /// Decompresses one member after the other; false unless they fill the output.
    private static func inflate(
        _ packed: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<UInt8>, _ decompressor: OpaquePointer
    ) -> Bool {
        guard let from = packed.baseAddress, let to = output.baseAddress else { return false }
        var (read, written) = (0, 0)
        while read < packed.count {
            var (consumed, produced) = (0, 0)
            let result = libdeflate_gzip_decompress_ex(
                decompressor, from + read, packed.count - read, to + written, output.count - written, &consumed,
                &produced)
            guard result == LIBDEFLATE_SUCCESS else { return false }
            read += consumed
            written += produced
        }
        return written == output.count
    }

    /// Bytes as one gzip member; nil where there is no memory for it.
    static func compressed(_ bytes: [UInt8]) -> [UInt8]? {
        guard let compressor = libdeflate_alloc_compressor(level) else { return nil }
        defer { libdeflate_free_compressor(compressor) }
        let bound = libdeflate_gzip_compress_bound(compressor, bytes.count)
        let packed = [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            count = libdeflate_gzip_compress(compressor, bytes, bytes.count, output.baseAddress, output.count)
        }
        return packed.isEmpty ? nil : packed
    }
}
