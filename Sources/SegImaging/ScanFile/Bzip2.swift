internal import CBzip2

/// Decompression of whole bzip2 streams in memory.
enum Bzip2 {
    /// The contents of the streams if `count` bytes end exactly at the end of a stream; nil otherwise.
    static func contents(of packed: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
        var isWhole = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { output, initialised in
            isWhole = decompress(packed, into: output)
            initialised = isWhole ? count : 0
        }
        return isWhole ? bytes : nil
    }

    /// Decompresses one stream after the other; returns false unless they fill the output.
    private static func decompress(
        _ packed: UnsafeRawBufferPointer, into output: UnsafeMutableBufferPointer<UInt8>
    ) -> Bool {
        var (read, written) = (0, 0)
        while written < output.count {
            guard read < packed.count, let step = stream(packed[read...], into: output, from: written) else {
                return false
            }
            read += step.read
            written += step.written
        }
        return written == output.count
    }

    /// Decompresses one stream; nil if it is damaged or does not fit into the rest of the output.
    private static func stream(
        _ packed: Slice<UnsafeRawBufferPointer>, into output: UnsafeMutableBufferPointer<UInt8>, from written: Int
    ) -> (read: Int, written: Int)? {
        var state = bz_stream()
        guard BZ2_bzDecompressInit(&state, 0, 0) == BZ_OK else { return nil }
        defer { BZ2_bzDecompressEnd(&state) }
        let source = UnsafeMutableRawBufferPointer(mutating: UnsafeRawBufferPointer(rebasing: packed))
        let target = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(output)[written...])
        // `bz_stream` counts bytes in 32 bits, therefore each call gets at most 2³⁰ bytes.
        let most = 1 << 30
        var (taken, given) = (0, 0)
        while true {
            let (some, room) = (min(most, source.count - taken), min(most, target.count - given))
            state.next_in = source.baseAddress?.advanced(by: taken).assumingMemoryBound(to: CChar.self)
            state.next_out = target.baseAddress?.advanced(by: given).assumingMemoryBound(to: CChar.self)
            (state.avail_in, state.avail_out) = (UInt32(some), UInt32(room))
            let status = BZ2_bzDecompress(&state)
            let moved = (some - Int(state.avail_in), room - Int(state.avail_out))
            taken += moved.0
            given += moved.1
            if status == BZ_STREAM_END { return (taken, given) }
            guard status == BZ_OK, moved.0 + moved.1 > 0 else { return nil }
        }
    }
}
