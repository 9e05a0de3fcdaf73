import Foundation
import SegCore
import SegImaging
import Testing

@Suite struct NIfTIReadTests {
    static let types: [(code: Int, bits: Int, name: String)] = [
        (2, 8, "uint8"), (4, 16, "int16"), (8, 32, "int32"), (16, 32, "float32"), (64, 64, "float64"), (256, 8, "int8"),
        (512, 16, "uint16"), (768, 32, "uint32"), (1024, 64, "int64"), (1280, 64, "uint64"),
    ]

    /// 0, 5, 10 … as bytes of a type.
    private func voxels(_ code: Int, count: Int) -> [UInt8] {
        (0..<count).flatMap { index -> [UInt8] in
            let value = index * 5
            switch code {
            case 2: return [UInt8(value)]
            case 256: return [UInt8(bitPattern: Int8(value - 60))]
            case 4: return Self.raw(Int16(value - 60))
            case 512: return Self.raw(UInt16(value + 60000))
            case 8: return Self.raw(Int32(value - 60))
            case 768: return Self.raw(UInt32(value) + 4_000_000_000)
            case 1024: return Self.raw(Int64(value - 60))
            case 1280: return Self.raw(UInt64(value) + (1 << 40))
            case 16: return Self.raw(Float(value) - 0.5)
            default: return Self.raw(Double(value) - 0.25)
            }
        }
    }

    private static func raw<Value>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }

    private func first(_ code: Int) -> Double {
        [256: -60, 4: -60, 512: 60000, 8: -60, 768: 4_000_000_000, 1024: -60, 1280: 0x1p40, 16: -0.5, 64: -0.25][code]
            ?? 0
    }

    @Test(arguments: types.map(\.code), [(1, false), (1, true), (2, false), (2, true)])
    func everyTypeInBothByteOrdersAndVersions(_ code: Int, _ form: (Int, Bool)) throws {
        let folder = try ScratchFolder()
        let type = try #require(Self.types.first { $0.code == code })
        let made = HandMadeNIfTI(
            version: form.0, bigEndian: form.1, datatype: code, bitpix: type.bits, voxels: voxels(code, count: 24))
        let path = try folder.write(made.bytes, as: "a.nii")
        let image = try ScanFile.read(path)
        #expect(image.shape == [2, 3, 4] && image.type.name == type.name)
        let header = try NIfTI.readHeader(path)
        #expect(header.version == form.0 && header.endian == (form.1 ? .big : .little))
        #expect(image.value(at: [0, 0, 0]) == first(code))
        #expect(image.value(at: [1, 2, 3]) == first(code) + 23 * 5)
        let volume = try ScanFile.readVolume(path).volume
        #expect(volume[1, 0, 2] == Float(first(code) + 13 * 5))
        #expect(volume.affine.elements == [2, 0, 0, -5, 0, 3, 0, 7, 0, 0, 4, 1, 0, 0, 0, 1])
    }

    @Test func slopeAndIntercept() throws {
        let folder = try ScratchFolder()
        let scaled = try folder.write(HandMadeNIfTI(slope: 0.5, inter: -3).bytes, as: "s.nii")
        #expect(try ScanFile.readVolume(scaled).volume[1, 1, 0] == -1.5)
        let unscaled = try folder.write(HandMadeNIfTI(slope: 0, inter: 9).bytes, as: "u.nii")
        #expect(try ScanFile.readVolume(unscaled).volume[1, 1, 0] == 3)
        let info = try ScanFile.inspect(scaled)
        #expect(info.minimum == -3 && info.maximum == 8.5 && info.sum == 66 && info.labels == nil)
        #expect(try ScanFile.inspect(unscaled).labels?.count == 24)
    }

    @Test func nanIsCountedAndLeftOut() throws {
        let folder = try ScratchFolder()
        let values: [Float] = [1, .nan, -4, .infinity]
        let made = HandMadeNIfTI(
            dim: [2, 2, 2, 1, 1, 1, 1, 1], datatype: 16, bitpix: 32, voxels: values.flatMap { Self.raw($0) })
        let path = try folder.write(made.bytes, as: "n.nii")
        let info = try ScanFile.inspect(path)
        #expect(info.nan == 1 && info.minimum == -4 && info.maximum == .infinity && info.labels == nil)
        let text = String(decoding: try JSONEncoder().encode(info), as: UTF8.self)
        #expect(text.contains("\"max\":\"inf\"") && text.contains("\"spacing\":[2,3]"))
        let error = #expect(throws: DataError.self) { try ScanFile.readVolume(path) }
        #expect(error?.description.contains("2 dimensions") == true)
    }

    @Test(arguments: [
        (HandMadeNIfTI(dim: [0, 2, 3, 4, 1, 1, 1, 1]), "dim[0] is 0"),
        (HandMadeNIfTI(dim: [9, 2, 3, 4, 1, 1, 1, 1]), "dim[0] is 9"),
        (HandMadeNIfTI(dim: [3, 2, -3, 4, 1, 1, 1, 1]), "dim[2] is -3"),
        (HandMadeNIfTI(dim: [3, 2, 0, 4, 1, 1, 1, 1]), "dim[2] is 0"),
        (HandMadeNIfTI(dim: [3, 2, 3, 5, 1, 1, 1, 1]), "need 30 bytes"),
        (HandMadeNIfTI(dim: [7, 32767, 32767, 32767, 32767, 32767, 32767, 32767]), "larger than any possible file"),
        (HandMadeNIfTI(dim: [4, 32767, 32767, 32767, 32767, 1, 1, 1]), "need"),
        (HandMadeNIfTI(version: 2, dim: [3, .max, 2, 4, 1, 1, 1, 1]), "larger than any possible file"),
        (HandMadeNIfTI(version: 2, dim: [3, 1 << 40, 1, 1, 1, 1, 1, 1]), "need"),
        (HandMadeNIfTI(datatype: 3), "datatype is 3"), (HandMadeNIfTI(datatype: 1536, bitpix: 128), "float128"),
        (HandMadeNIfTI(datatype: 2304, bitpix: 32), "RGBA32"), (HandMadeNIfTI(bitpix: 16), "bitpix is 16"),
        (HandMadeNIfTI(voxOffset: 100), "vox_offset is 100"), (HandMadeNIfTI(voxOffset: -352), "vox_offset"),
        (HandMadeNIfTI(voxOffset: 352.5), "vox_offset"), (HandMadeNIfTI(voxOffset: .nan), "vox_offset is nan"),
        (HandMadeNIfTI(voxOffset: 1e15), "64 MiB"), (HandMadeNIfTI(slope: 2, inter: .infinity), "scl_inter"),
        (HandMadeNIfTI(srow: [Double](repeating: 0, count: 12)), "determinant 0"),
        (HandMadeNIfTI(srow: [.nan] + [Double](repeating: 1, count: 11)), "not finite"),
        (HandMadeNIfTI(qformCode: 1, sformCode: 0, quatern: [1, 1, 0]), "not a rotation"),
        (HandMadeNIfTI(magic: [0, 0, 0, 0]), "ANALYZE"), (HandMadeNIfTI(magic: Array("n+7".utf8)), "not NIfTI"),
        (HandMadeNIfTI(version: 2, magic: Array("n+2".utf8) + [0, 10, 10, 26, 10]), "text mode"),
        (HandMadeNIfTI(magic: Array("ni1".utf8)), "is missing"),
    ])
    func damagedHeadersAreRefused(_ made: HandMadeNIfTI, _ reason: String) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(made.bytes, as: "damaged.nii")
        let error = #expect(throws: DataError.self) { try ScanFile.read(path) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("damaged.nii") == true)
    }

    @Test(arguments: [0, 3, 347, 348, 352, 375])
    func truncatedFilesAreRefused(_ length: Int) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(Array(HandMadeNIfTI().bytes.prefix(length)), as: "cut.nii")
        let error = #expect(throws: DataError.self) { try ScanFile.read(path) }
        #expect(error?.kind == .badData)
    }

    @Test func missingFileAndFolder() throws {
        let folder = try ScratchFolder()
        #expect(throws: DataError.self) { try ScanFile.read(folder.file("none.nii")) }
        let error = #expect(throws: DataError.self) { try ScanFile.read(folder.path) }
        #expect(error?.kind == .noInput)
    }

    @Test func qformWithRoundedQuaternion() throws {
        let folder = try ScratchFolder()
        // b² + c² + d² exceeds 1 by about 6e-7: a half turn about axis 0 after rounding.
        let made = HandMadeNIfTI(
            pixdim: [-1, 2, 3, 4, 0, 0, 0, 0], qformCode: 1, sformCode: 0, quatern: [1.0000003, 0, 0],
            qoffset: [1, 2, 3])
        let affine = try ScanFile.read(folder.write(made.bytes, as: "q.nii")).affine
        let expected: [Double] = [2, 0, 0, 1, 0, -3, 0, 2, 0, 0, 4, 3, 0, 0, 0, 1]
        #expect(zip(affine.elements, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(affine.axisCodes == "RPS")
    }
}
