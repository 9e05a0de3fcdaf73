/// The checksum of zip archives, CRC-32 of ISO 3309, eight bytes at a time (Kounavis and Berry 2005).
enum CRC32 {
    /// Entry `256 k + b` is the checksum of byte b followed by k zero bytes.
    private static let tables: [UInt32] = {
        let first = (0..<256).map { byte -> UInt32 in
            var crc = UInt32(byte)
            for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
            return crc
        }
        var tables = first
        for index in 256..<8 * 256 {
            let before = tables[index - 256]
            tables.append((before >> 8) ^ first[Int(before & 0xFF)])
        }
        return tables
    }()

    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        tables.withUnsafeBufferPointer { table in
            var crc = ~UInt32(0)
            var index = 0
            while index + 8 <= bytes.count {
                let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian ^ UInt64(crc)
                crc = 0
                for k in 0..<8 {
                    let byte = Int(truncatingIfNeeded: word >> UInt64(8 * k)) & 0xFF
                    crc ^= table[(7 - k) * 256 + byte]
                }
                index += 8
            }
            while index < bytes.count {
                crc = (crc >> 8) ^ table[Int((crc ^ UInt32(bytes[index])) & 0xFF)]
                index += 1
            }
            return ~crc
        }
    }
}
