import Foundation

/// A zip archive of stored entries made by hand, with false values if a test wants them.
struct HandMadeZip {
    var entries: [(name: String, content: [UInt8])]
    /// The size that both headers of the entry with this name state, in place of the true one.
    var claimedSize: (name: String, size: UInt32)?
    var method: UInt16 = 0
    var breaksChecksums = false
    /// Whether every directory entry points to the first one's data.
    var overlaps = false

    var bytes: [UInt8] {
        var body: [UInt8] = []
        var directory: [UInt8] = []
        for (name, content) in entries {
            let size = claimedSize?.name == name ? claimedSize?.size ?? 0 : UInt32(content.count)
            let checksum = breaksChecksums ? 1 : Self.checksum(content)
            let common =
                little(20 as UInt16) + little(0 as UInt16) + little(method) + little(0 as UInt32) + little(checksum)
                + little(size) + little(size) + little(UInt16(name.utf8.count)) + little(0 as UInt16)
            let start = overlaps ? 0 : UInt32(body.count)
            body += little(0x0403_4B50 as UInt32) + common + Array(name.utf8) + content
            directory += little(0x0201_4B50 as UInt32) + little(20 as UInt16) + common
            directory += [UInt8](repeating: 0, count: 10) + little(start) + Array(name.utf8)
        }
        let count = UInt16(entries.count)
        let end = little(0x0605_4B50 as UInt32) + little(0 as UInt32) + little(count) + little(count)
        return body + directory + end + little(UInt32(directory.count)) + little(UInt32(body.count)) + [0, 0]
    }

    /// Computes CRC-32 bit by bit.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = (crc >> 1) ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        return ~crc
    }
}

/// The parts of a pickle, as Python's opcodes.
enum Pickle {
    static func text(_ value: String) -> [UInt8] { [0x58] + little(UInt32(value.utf8.count)) + Array(value.utf8) }
    static func int(_ value: Int32) -> [UInt8] { [0x4A] + little(value) }
    static func long(_ value: Int64) -> [UInt8] { [0x8A, 8] + little(value) }
    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
    static func tuple(_ items: [UInt8]...) -> [UInt8] { Array("(".utf8) + items.flatMap { $0 } + Array("t".utf8) }
    static func dictionary(_ pairs: [(String, [UInt8])]) -> [UInt8] {
        Array("}(".utf8) + pairs.flatMap { text($0) + $1 } + Array("u".utf8)
    }
    static let emptyOrdered = global("collections", "OrderedDict") + Array(")R".utf8)

    /// A call of `_rebuild_tensor_v2` for a storage.
    static func tensor(
        shape: [Int64], strides: [Int64], offset: Int64 = 0, key: String = "0", type: String = "FloatStorage",
        storageCount: Int64
    ) -> [UInt8] {
        let storage =
            tuple(text("storage"), global("torch", type), text(key), text("cpu"), long(storageCount)) + Array("Q".utf8)
        let arguments = tuple(
            storage, long(offset), tuple(shape.flatMap(long)), tuple(strides.flatMap(long)), [0x89], emptyOrdered)
        return global("torch._utils", "_rebuild_tensor_v2") + arguments + Array("R".utf8)
    }

    /// A complete pickle of protocol 2.
    static func whole(_ value: [UInt8]) -> [UInt8] { [0x80, 2] + value + Array(".".utf8) }
}

private func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian, Array.init)
}

/// Little-endian bytes of floats.
func floatBytes(_ values: [Float]) -> [UInt8] { values.flatMap { little($0.bitPattern) } }
