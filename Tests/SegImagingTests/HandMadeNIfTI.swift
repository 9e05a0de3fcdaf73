/// A NIfTI file assembled byte by byte, independent of the code under test.
struct HandMadeNIfTI {
    var version = 1
    var bigEndian = false
    var dim: [Int] = [3, 2, 3, 4, 1, 1, 1, 1]
    var datatype = 2
    var bitpix = 8
    var pixdim: [Double] = [1, 1, 1, 1, 1, 1, 1, 1]
    var voxOffset: Double?
    var slope = 0.0
    var inter = 0.0
    var qformCode = 0
    var sformCode = 1
    var quatern: [Double] = [0, 0, 0]
    var qoffset: [Double] = [0, 0, 0]
    var srow: [Double] = [2, 0, 0, -5, 0, 3, 0, 7, 0, 0, 4, 1]
    var magic: [UInt8]?
    /// Voxels in this machine's (little-endian) byte order, `bitpix / 8` bytes each.
    var voxels: [UInt8] = Array(0..<24)

    private func ordered<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        withUnsafeBytes(of: bigEndian ? number.bigEndian : number.littleEndian) { Array($0) }
    }

    private func real(_ value: Double) -> [UInt8] {
        version == 1 ? ordered(Float(value).bitPattern) : ordered(value.bitPattern)
    }

    /// Header, extension flag and voxels.
    var bytes: [UInt8] {
        let width = bitpix / 8
        var data = voxels
        if bigEndian, width > 1 {
            for start in stride(from: 0, to: data.count, by: width) { data[start..<start + width].reverse() }
        }
        return header + [0, 0, 0, 0] + data
    }

    var header: [UInt8] { version == 1 ? header1 : header2 }

    private var header1: [UInt8] {
        var h = [UInt8](repeating: 0, count: 348)
        func put(_ offset: Int, _ bytes: [UInt8]) { h.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        put(0, ordered(Int32(348)))
        put(40, dim.flatMap { ordered(Int16(truncatingIfNeeded: $0)) })
        put(70, ordered(Int16(datatype)) + ordered(Int16(bitpix)))
        put(76, pixdim.flatMap(real))
        put(108, real(voxOffset ?? 352) + real(slope) + real(inter))
        put(252, ordered(Int16(qformCode)) + ordered(Int16(sformCode)))
        put(256, (quatern + qoffset + srow).flatMap(real))
        put(344, magic ?? Array("n+1".utf8) + [0])
        return h
    }

    private var header2: [UInt8] {
        var h = [UInt8](repeating: 0, count: 540)
        func put(_ offset: Int, _ bytes: [UInt8]) { h.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        put(0, ordered(Int32(540)))
        put(4, magic ?? Array("n+2".utf8) + [0, 13, 10, 26, 10])
        put(12, ordered(Int16(datatype)) + ordered(Int16(bitpix)))
        put(16, dim.flatMap { ordered(Int64($0)) })
        put(104, pixdim.flatMap(real))
        put(168, ordered(Int64(voxOffset ?? 544)) + real(slope) + real(inter))
        put(344, ordered(Int32(qformCode)) + ordered(Int32(sformCode)))
        put(352, (quatern + qoffset + srow).flatMap(real))
        return h
    }
}
