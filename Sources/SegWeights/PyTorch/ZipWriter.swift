internal import Foundation

/// A builder of zip archives with uncompressed entries, each starting at a multiple of 64 bytes, as `torch.save` aligns them.
struct ZipWriter {
    private static let alignment = 64

    private(set) var bytes = Data()
    private var directory = Data()
    private var count: UInt16 = 0

    /// Adds an entry.
    mutating func add(_ name: String, _ content: [UInt8]) throws(CheckpointFault) {
        let text = Array(name.utf8)
        let start = bytes.count + 30 + text.count + 4
        let padding = (Self.alignment - start % Self.alignment) % Self.alignment
        guard count < .max - 1 else {
            throw CheckpointFault("would need a zip archive of more than \(count) entries; write safetensors instead")
        }
        guard content.count < Int(UInt32.max), start + padding + content.count < Int(UInt32.max)
        else {
            throw CheckpointFault("would need a zip archive larger than 4 GB; write safetensors instead")
        }
        let checksum = content.withUnsafeBytes { CRC32.checksum($0) }
        let header = UInt32(bytes.count)
        var common = Data()
        // Version 2.0, flag for UTF-8 names, stored, 1 January 1980.
        for field in [20, 1 << 11, 0, 0, 0x21] as [UInt16] { common.append(littleEndian: field) }
        for field in [checksum, UInt32(content.count), UInt32(content.count)] { common.append(littleEndian: field) }
        common.append(littleEndian: UInt16(text.count))
        bytes.append(littleEndian: 0x0403_4B50 as UInt32)
        bytes.append(common)
        bytes.append(littleEndian: UInt16(4 + padding))
        bytes.append(contentsOf: text)
        // An extra field as PyTorch writes it, "FB", whose content is the padding.
        bytes.append(littleEndian: 0x4246 as UInt16)
        bytes.append(littleEndian: UInt16(padding))
        bytes.append(Data(count: padding))
        bytes.append(contentsOf: content)
        directory.append(littleEndian: 0x0201_4B50 as UInt32)
        directory.append(littleEndian: 20 as UInt16)
        directory.append(common)
        directory.append(Data(count: 12))
        directory.append(littleEndian: header)
        directory.append(contentsOf: text)
        count += 1
    }

    /// Returns the archive with its directory.
    func finished() -> Data {
        var archive = bytes
        archive.append(directory)
        archive.append(littleEndian: 0x0605_4B50 as UInt32)
        for field in [0, 0, count, count] { archive.append(littleEndian: field) }
        for field in [UInt32(directory.count), UInt32(bytes.count)] { archive.append(littleEndian: field) }
        archive.append(littleEndian: 0 as UInt16)
        return archive
    }
}

extension Data {
    fileprivate mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
