internal import CDeflate
internal import Foundation
package import SegCore

/// Compression and decompression of whole deflate streams in memory with libdeflate, in a fraction of zlib's time.
package enum Deflate {
    /// The container of a deflate stream.
    package enum Wrapper {
        /// RFC 1952: `.gz`, NRRD.
        case gzip
        /// RFC 1950: MetaImage.
        case zlib
    }

    /// libdeflate's middle levels take several times as long as this level and save only a few per cent of size.
    private static let level: Int32 = 3

    /// The contents of a gzip file if they are exactly `count` bytes. Nil for any other file. For a damaged file the
    /// caller can read it as a stream, which reports the fault.
    package static func gzipContents(of path: String, count: Int) -> [UInt8]? {
        guard let packed = try? Data(contentsOf: URL(fileURLWithPath: path)) else { return nil }
        return packed.withUnsafeBytes { contents(of: $0, as: .gzip, count: count, toTheEnd: true) }
    }

    /// The contents of the streams if `count` bytes end exactly at the end of a stream; nil otherwise.
    /// - Parameter toTheEnd: Whether nothing may follow.
    static func contents(
        of packed: UnsafeRawBufferPointer, as wrapper: Wrapper, count: Int, toTheEnd: Bool
    ) -> [UInt8]? {
        guard let decompressor = libdeflate_alloc_decompressor() else { return nil }
        defer { libdeflate_free_decompressor(decompressor) }
        var isWhole = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { output, initialised in
            let read = inflate(packed, as: wrapper, into: output, decompressor)
            isWhole = read == packed.count || read != nil && !toTheEnd
            initialised = isWhole ? count : 0
        }
        return isWhole ? bytes : nil
    }

    /// Decompresses one member after the other until they fill the output.
    /// - Returns: The number of bytes read; nil if the members do not fill the output or contain more.
    private static func inflate(
        _ packed: UnsafeRawBufferPointer, as wrapper: Wrapper, into output: UnsafeMutableBufferPointer<UInt8>,
        _ decompressor: OpaquePointer
    ) -> Int? {
        let decompress =
            switch wrapper {
            case .gzip: libdeflate_gzip_decompress_ex
            case .zlib: libdeflate_zlib_decompress_ex
            }
        guard let from = packed.baseAddress, let to = output.baseAddress else { return nil }
        var (read, written) = (0, 0)
        while written < output.count {
            guard read < packed.count else { return nil }
            var (consumed, produced) = (0, 0)
            let result = decompress(
                decompressor, from + read, packed.count - read, to + written, output.count - written, &consumed,
                &produced)
            guard result == LIBDEFLATE_SUCCESS else { return nil }
            read += consumed
            written += produced
        }
        return read
    }

    /// The bytes of an array as one compressed stream.
    /// - Throws: `DataError` naming the file if there is not enough memory.
    package static func compressed<Value: BitwiseCopyable>(
        _ values: [Value], as wrapper: Wrapper, path: String
    ) throws(DataError) -> [UInt8] {
        let compressor = libdeflate_alloc_compressor(level)
        defer { libdeflate_free_compressor(compressor) }
        let size = values.count * MemoryLayout<Value>.stride
        let (bound, compress) =
            switch wrapper {
            case .gzip: (libdeflate_gzip_compress_bound(compressor, size), libdeflate_gzip_compress)
            case .zlib: (libdeflate_zlib_compress_bound(compressor, size), libdeflate_zlib_compress)
            }
        let packed = [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            count = compressor.map { compress($0, values, size, output.baseAddress, output.count) } ?? 0
        }
        guard !packed.isEmpty else {
            throw DataError(.cannotWrite, path, "there is not enough memory to compress \(size) bytes; free some.")
        }
        return packed
    }
}
