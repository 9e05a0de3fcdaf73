import Foundation

/// A single-frame DICOM file that a test writes: explicit little endian, with a meta header.
struct SyntheticSlice {
    var rows = 4
    var columns = 5
    var position: [Double] = [0, 0, 0]
    var orientation: [Double] = [1, 0, 0, 0, 1, 0]
    var spacing: [Double] = [2, 1.5]
    var series = "2.25.1"
    var instance = "2.25.10"
    var instanceNumber = 1
    /// Whether pixels are signed.
    var isSigned = false
    var pixels: [UInt16] = []
    /// Compressed pixels in place of `pixels`: a transfer syntax and the frame's bytes.
    var compressed: (syntax: String, frame: [UInt8])?
    /// Further elements, which replace those above; an empty value is written as such.
    var elements: [UInt32: (vr: String, value: String)] = [:]
    /// Elements that are left out.
    var missing: Set<UInt32> = []

    /// The file's bytes.
    var bytes: [UInt8] {
        var texts: [UInt32: (vr: String, value: String)] = [
            0x0008_0016: ("UI", "1.2.840.10008.5.1.4.1.1.2"), 0x0008_0018: ("UI", instance), 0x0008_0060: ("CS", "CT"),
            0x0008_0008: ("CS", "ORIGINAL\\PRIMARY\\AXIAL"), 0x0020_000e: ("UI", series), 0x0020_0011: ("IS", "1"),
            0x0020_0013: ("IS", "\(instanceNumber)"), 0x0020_0032: ("DS", Self.text(position)),
            0x0020_0037: ("DS", Self.text(orientation)), 0x0028_0004: ("CS", "MONOCHROME2"),
            0x0028_0030: ("DS", Self.text(spacing)),
        ]
        for (tag, element) in elements { texts[tag] = element }
        let words: [UInt32: Int] = [
            0x0028_0002: 1, 0x0028_0010: rows, 0x0028_0011: columns, 0x0028_0100: 16, 0x0028_0101: 16, 0x0028_0102: 15,
            0x0028_0103: isSigned ? 1 : 0,
        ]
        var body: [UInt32: [UInt8]] = [:]
        for (tag, element) in texts { body[tag] = Self.element(tag, element.vr, Array(element.value.utf8)) }
        for (tag, word) in words where elements[tag] == nil {
            body[tag] = Self.element(tag, "US", Self.little(UInt16(word)))
        }
        let values = pixels.isEmpty ? (0..<rows * columns).map { UInt16($0) } : pixels
        body[0x7fe0_0010] = Self.element(0x7fe0_0010, "OW", values.flatMap { Self.little($0) })
        if let compressed { body[0x7fe0_0010] = Self.encapsulated(compressed.frame) }
        let meta =
            Self.element(0x0002_0002, "UI", Array("1.2.840.10008.5.1.4.1.1.2".utf8))
            + Self.element(0x0002_0003, "UI", Array(instance.utf8))
            + Self.element(0x0002_0010, "UI", Array((compressed?.syntax ?? "1.2.840.10008.1.2.1").utf8))
        let data = body.filter { !missing.contains($0.key) }.sorted { $0.key < $1.key }.flatMap(\.value)
        return [UInt8](repeating: 0, count: 128) + Array("DICM".utf8)
            + Self.element(0x0002_0000, "UL", Self.little(UInt32(meta.count))) + meta + data
    }

    private static func text(_ values: [Double]) -> String { values.map { "\($0)" }.joined(separator: "\\") }

    private static func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// Pixel data of one fragment, without an offset table.
    private static func encapsulated(_ frame: [UInt8]) -> [UInt8] {
        let padded = frame.count % 2 == 0 ? frame : frame + [0]
        let item: [UInt8] = [0xfe, 0xff, 0x00, 0xe0]
        return [0xe0, 0x7f, 0x10, 0x00] + Array("OB".utf8) + [0, 0, 0xff, 0xff, 0xff, 0xff] + item + [0, 0, 0, 0] + item
            + little(UInt32(padded.count)) + padded + [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]
    }

    private static func element(_ tag: UInt32, _ vr: String, _ value: [UInt8]) -> [UInt8] {
        let padding: UInt8 = ["UI", "OW", "OB"].contains(vr) ? 0 : 0x20
        let padded = value.count % 2 == 0 ? value : value + [padding]
        let name = little(UInt16(tag >> 16)) + little(UInt16(tag & 0xffff)) + Array(vr.utf8)
        let length =
            ["OW", "OB", "SQ"].contains(vr) ? [0, 0] + little(UInt32(padded.count)) : little(UInt16(padded.count))
        return name + length + padded
    }
}

/// A folder of slices that a test writes, removed with the value.
final class SyntheticSeries {
    let path: String

    /// Writes slices as `IM0000` and so on, in the order of the list.
    init(_ slices: [SyntheticSlice]) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("seg-dicom-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for (number, slice) in slices.enumerated() {
            try write(slice.bytes, as: "IM" + String(repeating: "0", count: 4 - "\(number)".count) + "\(number)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], as name: String) throws {
        let url = URL(fileURLWithPath: path + "/" + name)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    /// An axial series whose slices are at some positions along z; the pixels of slice n begin with 100 n.
    static func slices(at places: [Double], series: String = "2.25.1") -> [SyntheticSlice] {
        places.enumerated().map { number, z in
            var slice = SyntheticSlice()
            slice.position = [-10, -20, z]
            slice.series = series
            slice.instance = "\(series).\(number + 1)"
            slice.instanceNumber = number + 1
            slice.pixels = (0..<20).map { UInt16(100 * number + $0) }
            return slice
        }
    }
}
