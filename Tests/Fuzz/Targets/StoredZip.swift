/// Creates zip archives with stored entries, so that all checks of a zip reader pass.
enum StoredZip {
    static func archive(_ files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
        var archive: [UInt8] = []
        var directory: [UInt8] = []
        for (name, bytes) in files {
            let name = Array(name.utf8)
            let size = littleEndian(UInt32(bytes.count))
            // No flags, stored, no time.
            let common =
                [UInt8](repeating: 0, count: 8) + littleEndian(checksum(bytes)) + size + size
                + littleEndian(UInt16(name.count)) + [0, 0]
            directory +=
                littleEndian(0x0201_4B50 as UInt32) + [20, 0, 20, 0] + common + [UInt8](repeating: 0, count: 10)
                + littleEndian(UInt32(archive.count)) + name
            archive += littleEndian(0x0403_4B50 as UInt32) + [20, 0] + common + name + bytes
        }
        let count = littleEndian(UInt16(files.count))
        let place = littleEndian(UInt32(directory.count)) + littleEndian(UInt32(archive.count))
        return archive + directory + littleEndian(0x0605_4B50 as UInt32) + [0, 0, 0, 0] + count + count + place + [
            0, 0,
        ]
    }

    static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian, Array.init)
    }

    /// CRC-32 of ISO 3309.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0 as UInt32) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
    }
}
