import SegCore
import SegImaging
import Testing

/// Files that gzip allows but few programs write.
struct GzipTests {
    private let scan = HandMadeNIfTI().bytes

    @Test(arguments: [1, 10, 200, 352, 370])
    func membersFollowEachOther(_ cut: Int) throws {
        let folder = try ScratchFolder()
        let bytes = member(scan[..<cut]) + member(scan[cut...])
        let path = try folder.write(bytes, as: "scan.nii.gz")
        #expect(try NIfTI.readHeader(path).dim == [3, 2, 3, 4, 1, 1, 1, 1])
        #expect(try ScanFile.readVolume(path).volume.voxels.sorted() == (0..<24).map(Float.init))
    }

    /// Bytes beyond those that the header requires are not read, in the same member or in a following one.
    @Test func whatFollowsTheVoxelsIsIgnored() throws {
        let folder = try ScratchFolder()
        for bytes in [member(scan + [1, 2, 3]), member(scan[...]) + member([1, 2, 3])] {
            let path = try folder.write(bytes, as: "scan.nii.gz")
            #expect(try ScanFile.readVolume(path).volume.voxels.sorted() == (0..<24).map(Float.init))
        }
    }

    @Test func aWrongChecksumIsDamage() throws {
        let folder = try ScratchFolder()
        var bytes = member(scan[...])
        bytes[bytes.count - 8] ^= 1
        let path = try folder.write(bytes, as: "scan.nii.gz")
        #expect(throws: DataError.self) { try ScanFile.read(path) }
    }

    /// One gzip member with stored (uncompressed) bytes (RFC 1952 and 1951).
    private func member(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        func little(_ number: UInt32, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) }
        }
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
        }
        let length = UInt32(bytes.count)
        return [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1] + little(length, 2) + little(~length, 2) + bytes
            + little(~crc, 4) + little(length, 4)
    }
}
