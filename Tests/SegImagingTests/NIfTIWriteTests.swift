import Foundation
import SegCore
import SegImaging
import Testing

@Suite struct NIfTIWriteTests {
    private let size = Triple(2, 3, 4)
    private var mask: [UInt8] { (0..<24).map { UInt8($0 % 5) } }

    private func source(_ made: HandMadeNIfTI, _ folder: ScratchFolder) throws -> ScanGeometry {
        try ScanFile.layout(of: folder.write(made.bytes, as: "scan-\(UUID().uuidString).nii")).geometry
    }

    @Test(arguments: ["mask.nii", "mask.nii.gz"], [1, 2])
    func roundTripWithGeometry(_ name: String, _ version: Int) throws {
        let folder = try ScratchFolder()
        let scan = try source(
            HandMadeNIfTI(
                version: version, bigEndian: true, pixdim: [-1, 2, 3, 4, 1, 1, 1, 1], slope: 3, inter: 4, qformCode: 1,
                sformCode: 2, quatern: [0, 1, 0], qoffset: [1, 2, 3]), folder)
        try ScanFile.write(mask, size: size, like: scan, to: folder.file(name), overwrite: false)
        let volume = try ScanFile.readVolume(folder.file(name)).volume
        let (header, own) = (try NIfTI.readHeader(folder.file(name)), try #require(scan.niftiHeader))
        #expect(volume.voxels == mask.map { Float($0) } && volume.size == size)
        #expect(header.version == version && header.datatype == 2 && header.sclSlope == 1 && header.sclInter == 0)
        #expect(header.qformCode == 1 && header.sformCode == 2 && header.srow == own.srow)
        #expect(
            header.quatern == own.quatern && header.qoffset == own.qoffset
                && header.pixdim[0...3] == own.pixdim[0...3])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).allSatisfy { !$0.hasPrefix(".") })
    }

    /// Several maps are written along a fourth axis, as MONAI writes channels; other formats refuse them.
    @Test(arguments: [1, 2]) func mapsAlongAFourthAxis(_ version: Int) throws {
        let folder = try ScratchFolder()
        let scan = try source(HandMadeNIfTI(version: version), folder)
        let maps = [mask, mask.map { 4 - $0 }, mask.map { $0 * 2 }]
        let path = folder.file("maps.nii.gz")
        try ScanFile.write(maps: maps, size: size, like: scan, to: path, overwrite: false)
        let stored = try ScanFile.read(path)
        #expect(stored.shape == [2, 3, 4, 3] && stored.type == .uint8 && stored.affine == scan.affine)
        for (channel, map) in maps.enumerated() {
            for voxel in map.indices {
                #expect(stored.value(at: [voxel / 12, voxel / 4 % 3, voxel % 4, channel]) == Double(map[voxel]))
            }
        }
        #expect(ScanFile.holdsSeveralMaps(path) && !ScanFile.holdsSeveralMaps("maps.nrrd"))
        for name in ["maps.nrrd", "maps.mha"] {
            #expect(throws: DataError.self) {
                try ScanFile.write(maps: maps, size: size, like: scan, to: folder.file(name), overwrite: false)
            }
            #expect(!FileManager.default.fileExists(atPath: folder.file(name)))
        }
    }

    @Test func formsFillEachOther() throws {
        let folder = try ScratchFolder()
        let onlySform = try source(HandMadeNIfTI(pixdim: [1, 2, 3, 4, 1, 1, 1, 1]), folder)
        try ScanFile.write(mask, size: size, like: onlySform, to: folder.file("a.nii"), overwrite: false)
        let filled = try NIfTI.readHeader(folder.file("a.nii"))
        #expect(filled.qformCode == 1 && filled.quatern == [0, 0, 0] && filled.qoffset == [-5, 7, 1])
        #expect(Array(filled.pixdim[0...3]) == [1, 2, 3, 4])
        let onlyQform = try source(
            HandMadeNIfTI(pixdim: [1, 2, 3, 4, 1, 1, 1, 1], qformCode: 3, sformCode: 0, qoffset: [9, 8, 7]), folder)
        try ScanFile.write(mask, size: size, like: onlyQform, to: folder.file("b.nii"), overwrite: false)
        let other = try NIfTI.readHeader(folder.file("b.nii"))
        #expect(other.sformCode == 3 && other.srow == [[2, 0, 0, 9], [0, 3, 0, 8], [0, 0, 4, 7]])
        let sheared = try source(
            HandMadeNIfTI(qformCode: 1, sformCode: 1, srow: [2, 1, 0, 0, 0, 3, 0, 0, 0, 0, 4, 0]), folder)
        try ScanFile.write(mask, size: size, like: sheared, to: folder.file("c.nii"), overwrite: false)
        #expect(try NIfTI.readHeader(folder.file("c.nii")).qformCode == 0)
        let neither = try source(HandMadeNIfTI(pixdim: [1, 2, 3, 4, 1, 1, 1, 1], sformCode: 0), folder)
        try ScanFile.write(mask, size: size, like: neither, to: folder.file("d.nii"), overwrite: false)
        #expect(try ScanFile.read(folder.file("d.nii")).affine == neither.affine)
    }

    @Test func otherTypesWithAnAffine() throws {
        let folder = try ScratchFolder()
        let affine = Affine(elements: [0, 0, -2, 4, -1, 0, 0, 5, 0, 3, 0, 6, 0, 0, 0, 1])
        try ScanFile.write(
            (0..<24).map { Float($0) / 7 }, size: size, affine: affine, to: folder.file("f.nii.gz"), overwrite: false)
        try ScanFile.write(
            (0..<24).map { Int16($0 * -100) }, size: size, affine: affine, to: folder.file("i.nii"), overwrite: false)
        try ScanFile.write(
            (0..<24).map { UInt16($0 * 2000) }, size: size, affine: affine, to: folder.file("u.nii"), overwrite: false)
        let float = try ScanFile.readVolume(folder.file("f.nii.gz"))
        var byQform = try NIfTI.readHeader(folder.file("f.nii.gz"))
        #expect(float.volume[1, 2, 3] == Float(23) / 7 && float.volume.affine == affine && byQform.qformCode == 2)
        #expect(try ScanFile.readVolume(folder.file("i.nii")).volume[0, 0, 1] == -100)
        #expect(try ScanFile.readVolume(folder.file("u.nii")).volume[1, 2, 3] == 46000)
        byQform.sformCode = 0
        let rotated = try byQform.affine(path: "q")
        #expect(zip(rotated.elements, affine.elements).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    @Test func overwritesOnlyWhenTold() throws {
        let folder = try ScratchFolder()
        let path = try folder.write([1, 2, 3], as: "kept.nii")
        let error = #expect(throws: DataError.self) {
            try ScanFile.write(mask, size: size, affine: .identity, to: path, overwrite: false)
        }
        #expect(error?.kind == .cannotWrite && FileManager.default.contents(atPath: path) == Data([1, 2, 3]))
        try ScanFile.write(mask, size: size, affine: .identity, to: path, overwrite: true)
        #expect(try ScanFile.readVolume(path).volume.voxels.count == 24)
    }

    @Test(arguments: ["none/mask.nii", "mask.img", "scan.txt"])
    func badNamesAndFolders(_ name: String) throws {
        let folder = try ScratchFolder()
        #expect(throws: DataError.self) {
            try ScanFile.write(mask, size: size, affine: .identity, to: folder.file(name), overwrite: true)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self"), "needs a folder nobody can write to"))
    func unwritableFolderIsReported() throws {
        let error = #expect(throws: DataError.self) {
            try ScanFile.write(mask, size: size, affine: .identity, to: "/proc/mask.nii", overwrite: true)
        }
        #expect(error?.kind == .cannotWrite && error?.description.contains("/proc/mask.nii") == true)
    }

    /// Lengths beyond 32 bits are written in a 64-bit header (NIfTI-2).
    @Test(arguments: [1e-60, 1e60]) func lengthsBeyond32Bits(_ edge: Double) throws {
        let folder = try ScratchFolder()
        var affine = Affine.identity
        for axis in 0..<3 { affine[axis, axis] = edge }
        try ScanFile.write(mask, size: size, affine: affine, to: folder.file("far.nii"), overwrite: false)
        #expect(try NIfTI.readHeader(folder.file("far.nii")).version == 2)
        #expect(try ScanFile.read(folder.file("far.nii")).affine == affine)
    }

    @Test func otherExtentsThanTheScan() throws {
        let folder = try ScratchFolder()
        let scan = try source(HandMadeNIfTI(), folder)
        let error = #expect(throws: DataError.self) {
            try ScanFile.write(mask, size: Triple(4, 3, 2), like: scan, to: folder.file("m.nii"), overwrite: true)
        }
        #expect(error?.description.contains("4×3×2") == true && error?.description.contains("2×3×4") == true)
    }

    @Test(arguments: [10, 40, 90])
    func truncatedGzipIsRefused(_ percent: Int) throws {
        let folder = try ScratchFolder()
        let big = Triple(20, 20, 20)
        let noise = (0..<big.count).map { Int16(truncatingIfNeeded: $0 &* 40503 >> 3) }
        try ScanFile.write(noise, size: big, affine: .identity, to: folder.file("n.nii.gz"), overwrite: false)
        let whole = try #require(FileManager.default.contents(atPath: folder.file("n.nii.gz")))
        for length in [whole.count * percent / 100, whole.count - 4] {
            let path = try folder.write([UInt8](whole.prefix(length)), as: "cut.nii.gz")
            let error = #expect(throws: DataError.self) { try ScanFile.read(path) }
            #expect(error?.kind == .badData && error?.description.contains("cut.nii.gz") == true)
        }
        var damaged = [UInt8](whole)
        damaged[whole.count / 2] ^= 0xff
        let path = try folder.write(damaged, as: "bad.nii.gz")
        #expect(throws: DataError.self) { try ScanFile.read(path) }
    }
}
