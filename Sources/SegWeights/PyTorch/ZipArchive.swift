internal import Foundation
internal import SegCore

/// A zip archive with uncompressed entries, as `torch.save` writes it, read in place. PKWARE APPNOTE 6.3.10.
///
/// An archive whose entries together are larger than the file is refused, and so is reading a compressed entry.
/// Therefore the data read are never larger than the file.
struct ZipArchive {
    private struct Entry {
        var size: Int
        var header: Int
        var checksum: UInt32
        /// `compressed` or `encrypted` for an entry that cannot be read; else nil.
        var packing: String?
    }

    private let data: Data
    private var entries: [String: Entry] = [:]

    /// The names of the entries.
    var names: some Collection<String> { entries.keys }

    /// Reads the directory at the archive's end.
    init(_ data: Data) throws(CheckpointFault) {
        self.data = data
        let directory = try Self.directory(of: data)
        var position = directory.start
        var total = 0
        for _ in 0..<directory.count {
            let (name, entry, next) = try Self.entry(of: data, at: position, before: directory.end)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw CheckpointFault("contains two entries named '\(name)'")
            }
            total += entry.size
            guard total <= data.count else {
                throw CheckpointFault("its entries overlap: together they are larger than the file")
            }
            position = next
        }
    }

    /// Returns the bytes of an entry, verified with its checksum; nil if there is no entry of that name.
    func bytes(of name: String) throws(CheckpointFault) -> Data? {
        guard let entry = entries[name] else { return nil }
        if let packing = entry.packing {
            throw CheckpointFault("'\(name)' is \(packing), which torch.save never does; save it again with torch.save")
        }
        guard let signature = data.integer(UInt32.self, at: entry.header), signature == 0x0403_4B50,
            let nameCount = data.integer(UInt16.self, at: entry.header + 26),
            let extraCount = data.integer(UInt16.self, at: entry.header + 28)
        else { throw CheckpointFault("'\(name)' is not at its listed position; the file is damaged") }
        let start = entry.header + 30 + Int(nameCount) + Int(extraCount)
        guard start <= data.count, entry.size <= data.count - start else {
            throw CheckpointFault("'\(name)' of \(entry.size) bytes reaches beyond the end; the file is truncated")
        }
        let bytes = data[data.startIndex + start..<data.startIndex + start + entry.size]
        guard bytes.withUnsafeBytes({ CRC32.checksum($0) }) == entry.checksum else {
            throw CheckpointFault(
                "'\(name)' does not match its checksum: the file is damaged, or was saved with checksums turned off; "
                    + "save it again")
        }
        return bytes
    }

    /// Returns the position of the directory and its number of entries, from the end record or its 64-bit form.
    private static func directory(of data: Data) throws(CheckpointFault) -> (start: Int, end: Int, count: Int) {
        let tail = stride(from: data.count - 22, through: max(0, data.count - 22 - 0xFFFF), by: -1)
        guard
            let end = tail.first(where: { position in
                data.integer(UInt32.self, at: position) == 0x0605_4B50
                    && data.integer(UInt16.self, at: position + 20).map { position + 22 + Int($0) } == data.count
            }), let shortCount = data.integer(UInt16.self, at: end + 10),
            let shortSize = data.integer(UInt32.self, at: end + 12),
            let shortStart = data.integer(UInt32.self, at: end + 16)
        else { throw CheckpointFault("ends without a zip directory; the file is truncated") }
        var (count, size, start) = (UInt64(shortCount), UInt64(shortSize), UInt64(shortStart))
        if shortCount == .max || shortSize == .max || shortStart == .max {
            guard end >= 20, data.integer(UInt32.self, at: end - 20) == 0x0706_4B50,
                let record = data.integer(UInt64.self, at: end - 12).flatMap({ Int(exactly: $0) }),
                data.integer(UInt32.self, at: record) == 0x0606_4B50,
                let longCount = data.integer(UInt64.self, at: record + 32),
                let longSize = data.integer(UInt64.self, at: record + 40),
                let longStart = data.integer(UInt64.self, at: record + 48)
            else { throw CheckpointFault("its 64-bit zip directory cannot be found; the file is damaged") }
            (count, size, start) = (longCount, longSize, longStart)
        }
        let limit = UInt64(data.count)
        guard start <= limit, size <= limit - start, count <= size / 46 else {
            throw CheckpointFault("its zip directory of \(count) entries is outside the file; the file is damaged")
        }
        return (Int(start), Int(start + size), Int(count))
    }

    private static func entry(
        of data: Data, at position: Int, before end: Int
    ) throws(CheckpointFault) -> (name: String, entry: Entry, next: Int) {
        guard position + 46 <= end, data.integer(UInt32.self, at: position) == 0x0201_4B50,
            let flags = data.integer(UInt16.self, at: position + 8),
            let method = data.integer(UInt16.self, at: position + 10),
            let checksum = data.integer(UInt32.self, at: position + 16),
            let packed = data.integer(UInt32.self, at: position + 20),
            let unpacked = data.integer(UInt32.self, at: position + 24),
            let nameCount = data.integer(UInt16.self, at: position + 28).map({ Int($0) }),
            let extraCount = data.integer(UInt16.self, at: position + 30).map({ Int($0) }),
            let commentCount = data.integer(UInt16.self, at: position + 32).map({ Int($0) }),
            let header = data.integer(UInt32.self, at: position + 42)
        else { throw CheckpointFault("its zip directory is damaged") }
        let nameStart = position + 46
        let next = nameStart + nameCount + extraCount + commentCount
        guard next <= end else { throw CheckpointFault("its zip directory is damaged") }
        let nameBytes = data[data.startIndex + nameStart..<data.startIndex + nameStart + nameCount]
        let name = String(decoding: nameBytes, as: UTF8.self)
        guard !name.hasLongCombiningRun else { throw CheckpointFault("its zip directory has an unusable name") }
        let packing = flags & 1 != 0 ? "encrypted" : method == 8 ? "compressed (deflate)" : "compressed"
        let isPlain = flags & 1 == 0 && method == 0
        var long = LongFields(data, from: nameStart + nameCount, count: extraCount)
        guard let size = long.value(unpacked), let packedSize = long.value(packed), let start = long.value(header)
        else {
            throw CheckpointFault("the sizes of '\(name)' are missing; the file is damaged")
        }
        guard !isPlain || size == packedSize, packedSize <= data.count, start <= data.count else {
            throw CheckpointFault("'\(name)' of \(size) bytes does not fit the file of \(data.count); it is damaged")
        }
        let entry = Entry(size: packedSize, header: start, checksum: checksum, packing: isPlain ? nil : packing)
        return (name, entry, next)
    }
}

/// The 64-bit sizes of an entry. The entry's extra field contains one for each 32-bit size whose bits are all ones.
private struct LongFields {
    private let data: Data
    private var position: Int
    private var end: Int

    init(_ data: Data, from start: Int, count: Int) {
        self.data = data
        position = start
        end = start
        var field = start
        while let id = data.integer(UInt16.self, at: field), let size = data.integer(UInt16.self, at: field + 2),
            field + 4 + Int(size) <= start + count
        {
            if id == 1 {
                position = field + 4
                end = position + Int(size)
                return
            }
            field += 4 + Int(size)
        }
    }

    /// Returns the short value, or the next long one if the bits of the short one are all ones.
    mutating func value(_ short: UInt32) -> Int? {
        guard short == .max else { return Int(short) }
        guard position + 8 <= end, let long = data.integer(UInt64.self, at: position) else { return nil }
        position += 8
        return Int(exactly: long)
    }
}

extension Data {
    /// Returns the little-endian integer at a byte offset; nil if the data end before.
    func integer<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, at offset: Int) -> T? {
        guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
        return withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }
}
