/// XXH64 (Yann Collet's xxHash, 64 bits): a content hash that is as fast as memory.
package struct XXHash64 {
    private static let primes: [UInt64] = [
        0x9E37_79B1_85EB_CA87, 0xC2B2_AE3D_27D4_EB4F, 0x1656_67B1_9E37_79F9, 0x85EB_CA77_C2B2_AE63,
        0x27D4_EB2F_1656_67C5,
    ]

    /// The hash of bytes.
    package static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
        let (p1, p2, p3, p4, p5) = (primes[0], primes[1], primes[2], primes[3], primes[4])
        var place = 0
        var hash = seed &+ p5
        if bytes.count >= 32 {
            var lanes = SIMD4<UInt64>(seed &+ p1 &+ p2, seed &+ p2, seed, seed &- p1)
            while place + 32 <= bytes.count {
                for lane in 0..<4 {
                    lanes[lane] = round(lanes[lane], word(bytes, place + 8 * lane), p1, p2)
                }
                place += 32
            }
            hash =
                rotated(lanes[0], 1) &+ rotated(lanes[1], 7) &+ rotated(lanes[2], 12) &+ rotated(lanes[3], 18)
            for lane in 0..<4 { hash = (hash ^ round(0, lanes[lane], p1, p2)) &* p1 &+ p4 }
        }
        hash = hash &+ UInt64(bytes.count)
        while place + 8 <= bytes.count {
            hash = rotated(hash ^ round(0, word(bytes, place), p1, p2), 27) &* p1 &+ p4
            place += 8
        }
        if place + 4 <= bytes.count {
            let half = UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
            hash = rotated(hash ^ half &* p1, 23) &* p2 &+ p3
            place += 4
        }
        while place < bytes.count {
            hash = rotated(hash ^ UInt64(bytes[place]) &* p5, 11) &* p1
            place += 1
        }
        hash = (hash ^ hash >> 33) &* p2
        hash = (hash ^ hash >> 29) &* p3
        return hash ^ hash >> 32
    }

    /// The hashes of bytes with the seeds 0 and 1 as 32 hexadecimal digits, for file names.
    package static func hex(_ bytes: some Collection<UInt8>) -> String {
        let bytes = Array(bytes)
        return ([0, 1] as [UInt64]).map { seed in
            let digits = String(bytes.withUnsafeBytes { hash($0, seed: seed) }, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ word: UInt64, _ p1: UInt64, _ p2: UInt64) -> UInt64 {
        rotated(lane &+ word &* p2, 31) &* p1
    }

    @inline(__always)
    private static func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }
}
