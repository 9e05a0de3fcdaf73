import Foundation
import SegCore
import SegImaging
import Testing

/// NRRD and MetaImage files assembled by hand: reading and refusals.
@Suite struct TextFormatTests {
    private static let size = Triple(2, 3, 4)
    private let voxels = (0..<24).map { UInt8($0) }

    private func nrrd(_ lines: String..., without: String? = nil) -> [UInt8] {
        var header = [
            "NRRD0004", "type: uint8", "dimension: 3", "space: left-posterior-superior", "sizes: 2 3 4",
            "space directions: (2,0,0) (0,3,0) (0,0,4)", "kinds: domain domain domain", "encoding: raw",
            "space origin: (5,6,7)",
        ]
        for line in lines {
            // A line replaces the line with the same field.
            header.removeAll { $0.prefix { $0 != ":" } == line.prefix { $0 != ":" } }
            header.append(line)
        }
        if let without { header.removeAll { $0.hasPrefix(without + ":") } }
        return Array((header.joined(separator: "\n") + "\n\n").utf8) + voxels
    }

    private func metaImage(_ lines: String..., without: String? = nil) -> [UInt8] {
        var header = [
            "ObjectType = Image", "NDims = 3", "DimSize = 2 3 4", "ElementSpacing = 2 3 4", "Offset = 5 6 7",
            "TransformMatrix = 1 0 0 0 1 0 0 0 1",
            "ElementType = MET_UCHAR",
        ]
        for line in lines {
            header.removeAll { $0.prefix { $0 != " " } == line.prefix { $0 != " " } }
            header.append(line)
        }
        if let without { header.removeAll { $0.hasPrefix(without + " ") } }
        return Array((header + ["ElementDataFile = LOCAL"]).map { $0 + "\n" }.joined().utf8) + voxels
    }

    private static let placed: [Double] = [-2, 0, 0, -5, 0, -3, 0, -6, 0, 0, 4, 7, 0, 0, 0, 1]

    @Test func whatLiesInLPSIsReadInRAS() throws {
        let folder = try ScratchFolder()
        for (bytes, name) in [(nrrd(), "a.nrrd"), (metaImage(), "a.mha")] {
            let (volume, geometry) = try ScanFile.readVolume(folder.write(bytes, as: name))
            #expect(volume.size == Self.size && volume[1, 2, 3] == 23 && volume[1, 0, 0] == 1)
            #expect(volume.affine.elements == Self.placed)
            #expect(geometry.isPlaced && geometry.remarks.isEmpty && geometry.spacing == [2, 3, 4])
        }
        let ras = try folder.write(nrrd("space: RAS"), as: "ras.nrrd")
        #expect(try ScanFile.read(ras).affine.elements == [2, 0, 0, 5, 0, 3, 0, 6, 0, 0, 4, 7, 0, 0, 0, 1])
    }

    @Test func lengthsInMicrometresAreConverted() throws {
        let folder = try ScratchFolder()
        let files = [
            try folder.write(nrrd(#"space units: "um" "um" "um""#), as: "a.nrrd"),
            try folder.write(metaImage("DistanceUnits = um"), as: "a.mha"),
        ]
        for file in files {
            let (volume, geometry) = try ScanFile.readVolume(file)
            #expect(geometry.unit == .micrometre && geometry.remarks.count == 1)
            #expect(abs(volume.affine[0, 0] + 0.002) < 1e-15 && abs(volume.affine[2, 3] - 0.007) < 1e-15)
            // The mask has the scan's numbers in the scan's unit.
            let mask = folder.file("mask-" + URL(fileURLWithPath: file).lastPathComponent)
            try ScanFile.write(voxels, size: Self.size, like: geometry, to: mask, overwrite: false)
            let written = try ScanFile.read(mask)
            #expect(written.affine == volume.affine && written.geometry.unit == .micrometre)
        }
    }

    @Test func axesThatAreNotThePatientsAreTold() throws {
        let folder = try ScratchFolder()
        let files = [
            nrrd("space: scanner-xyz"), nrrd("space dimension: 3", without: "space"),
            metaImage(without: "TransformMatrix"),
        ]
        for bytes in files {
            let geometry = try ScanFile.layout(of: folder.write(bytes, as: "a.nrrd")).geometry
            #expect(!geometry.isPlaced && geometry.affine.elements == Self.placed)
            #expect(geometry.remarks.count == 1 && geometry.remarks[0].contains("the patient's"))
        }
    }

    @Test(arguments: [
        ("type: block", "type"), ("type: complex", "type"), ("encoding: hex", "encoding"),
        ("encoding: text", "encoding"),
        ("dimension: 0", "dimension"), ("dimension: 99999999999999999999", "dimension"), ("sizes: 2 3", "sizes"),
        ("sizes: 2 -3 4", "sizes"), ("sizes: 4000000000 4000000000 4000000000", "larger than any possible file"),
        ("sizes: 2 3 5", "need 30 bytes"), ("sizes: 100000 100000 100000", "need"), ("type: int16", "endian"),
        ("space: left-posterior-superior-time", "space"), ("space: elsewhere", "space"),
        ("space directions: (1,0,0) (0,1,0)", "space directions"), ("space directions: (1,0) (0,1) (0,0)", "vectors"),
        ("space directions: (1,0,0) (1,0,0) (0,0,1)", "determinant 0"),
        ("space directions: (nan,0,0) (0,1,0) (0,0,1)", "vectors"),
        ("space origin: (1e400,0,0)", "space origin"), (#"space units: "mm" "m" "mm""#, "space units"),
        ("data file: /etc/passwd", "next to the header"), ("data file: ../voxels.raw", "next to the header"),
        ("data file: slice%03d.raw 1 9 1", "several files"), ("data file: LIST", "several files"),
        ("data file: none.raw", "no such file"), ("line skip: 1", "line skip"), ("byte skip: -2", "byte skip"),
        ("byte skip: 1000000000000", "byte skip"), ("encoding: gzip", "gzip data is damaged"),
        ("encoding: bzip2", "bzip2"),
        (#"space units: "in" "in" "in""#, "not a known unit"), ("spacings: 9 9 9", "space directions"),
        ("colour: red", "not an NRRD field"), ("a line", "not an NRRD field"),
    ]) func damagedOrForeignNRRDsAreRefused(_ line: String, _ reason: String) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(nrrd(line), as: "a.nrrd")
        let error = try #require(throws: DataError.self) { try ScanFile.readVolume(path) }
        #expect("\(error)".contains(reason), "\(error)")
    }

    @Test(arguments: ["0", "inf"]) func anNRRDWithAnEdgeThatIsNoLengthIsRefused(_ edge: String) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(nrrd("spacings: \(edge) 1 1", without: "space directions"), as: "a.nrrd")
        let error = try #require(throws: DataError.self) { try ScanFile.readVolume(path) }
        #expect("\(error)".contains("spacings: has a voxel edge of"), "\(error)")
    }

    @Test(arguments: [
        ("ObjectType = Mesh", "ObjectType"), ("NDims = 0", "NDims"), ("DimSize = 2 3", "DimSize"),
        ("DimSize = 2 3 0", "DimSize"), ("DimSize = 4000000000 4000000000 4000000000", "larger than any possible file"),
        ("DimSize = 2 3 5", "need 30 bytes"), ("ElementType = MET_STRING", "ElementType"),
        ("ElementNumberOfChannels = 3", "channel"), ("BinaryData = False", "BinaryData"),
        ("CompressedData = True", "zlib"),
        ("CompressedDataSize = -9223372036854775808", "bytes from 0"), ("CompressedData = perhaps", "True or False"),
        ("HeaderSize = -2", "HeaderSize"),
        ("ElementSpacing = 1 1", "ElementSpacing"), ("ElementSpacing = 0 1 1", "determinant 0"),
        ("TransformMatrix = 1 0 0 1 0 0 0 0 1", "determinant 0"), ("TransformMatrix = 1 0 0", "9 numbers"),
        ("Offset = 0 0 nan", "Offset"), ("DistanceUnits = furlong", "DistanceUnits"),
        ("Origin = 1 2 3", "contradicts"), ("no value", "KEY = VALUE"),
    ]) func damagedOrForeignMetaImagesAreRefused(_ line: String, _ reason: String) throws {
        let folder = try ScratchFolder()
        let path = try folder.write(metaImage(line), as: "a.mha")
        let error = try #require(throws: DataError.self) { try ScanFile.readVolume(path) }
        #expect("\(error)".contains(reason), "\(error)")
    }

    @Test func voxelsThatAreTextElsewhereAreRefused() throws {
        let folder = try ScratchFolder()
        for name in ["/etc/passwd", "../a.raw", "LIST", "slice%d.raw 1 4 1"] {
            var text = String(decoding: metaImage(), as: UTF8.self)
            text = text.replacing("ElementDataFile = LOCAL", with: "ElementDataFile = \(name)")
            let path = try folder.write(Array(text.utf8), as: "a.mhd")
            let error = try #require(throws: DataError.self) { try ScanFile.readVolume(path) }
            #expect("\(error)".contains("ElementDataFile"), "\(error)")
        }
    }

    /// Layers of segments that may overlap are not a label map; a single layer is.
    @Test func segmentsOf3DSlicer() throws {
        let folder = try ScratchFolder()
        let segment = ["Segment0_ID:=Segment_1", "Segment0_LabelValue:=7", "Segment0_Name:=spleen"]
        let header = nrrd().dropLast(25)
        let one = Array(header) + Array((segment.joined(separator: "\n") + "\n\n").utf8) + voxels
        let path = try folder.write(one, as: "case.seg.nrrd")
        #expect(try ScanFile.readVolume(path).volume[1, 2, 3] == 23)
        #expect(try ScanFile.inspect(path).description.contains("7: spleen"))
        #expect(ScanFile.stem(of: path) == "case.seg")
        let layers = nrrd(
            "dimension: 4", "sizes: 2 1 3 4", "space directions: none (1,0,0) (0,1,0) (0,0,1)",
            "kinds: list domain domain domain")
        let error = try #require(throws: DataError.self) {
            try ScanFile.readVolume(folder.write(layers, as: "layers.seg.nrrd"))
        }
        #expect(error.message.contains("2 values for each voxel") && error.message.contains("one label map"))
    }

    @Test func aFormatIsToldByItsContent() throws {
        let folder = try ScratchFolder()
        #expect(try ScanFile.readVolume(folder.write(nrrd(), as: "a.nii")).volume[1, 2, 3] == 23)
        #expect(try ScanFile.ending(byContentOf: folder.write(metaImage(), as: "b")) == ".mha")
        #expect(ScanFile.maskEnding(like: try folder.write(nrrd(), as: "c.nhdr")) == ".nrrd")
        let dicom = [UInt8](repeating: 0, count: 128) + Array("DICM".utf8) + [0, 0]
        let error = try #require(throws: DataError.self) { try ScanFile.read(folder.write(dicom, as: "a.dcm")) }
        #expect(error.message.contains("DICOM"))
        let text = try #require(throws: DataError.self) { try ScanFile.read(folder.write([1, 2], as: "a.png")) }
        #expect(text.message.contains("NIfTI, NRRD, MetaImage"))
    }

    /// Every pair of formats: voxels, type and geometry stay; an existing file of the name is kept.
    @Test(arguments: ScanFile.writtenEndings, ScanFile.writtenEndings)
    func conversionKeepsVoxelsAndPlace(_ from: String, _ to: String) throws {
        let folder = try ScratchFolder()
        let (source, target) = (folder.file("a\(from)"), folder.file("b\(to)"))
        let affine = Affine(elements: [0, 0, -2, 4, -1, 0, 0, 5, 0, 3, 0, 6, 0, 0, 0, 1])
        try ScanFile.write(
            (0..<24).map { Int16($0 * -100) }, size: Self.size, affine: affine, to: source, overwrite: false)
        try ScanFile.convert(source, to: target, overwrite: false)
        let written = try ScanFile.read(target)
        #expect(written.type == .int16 && written.value(at: [1, 2, 3]) == -2300)
        #expect(zip(written.affine.elements, affine.elements).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(throws: DataError.self) { try ScanFile.convert(source, to: target, overwrite: false) }
    }

    /// Files of other programs that ITK reads: Latin-1, a last line without a line end, bytes after the voxels, a
    /// header size counted from the file's start, and axes given by their end points.
    @Test func oddButHonestHeadersAreRead() throws {
        let folder = try ScratchFolder()
        let latin = Array("NRRD0004\ncontent: M".utf8) + [0xfc] + Array("ller\n".utf8) + nrrd().dropFirst(9)
        #expect(try ScanFile.readVolume(folder.write(latin, as: "latin.nrrd")).volume[1, 2, 3] == 23)
        let header = metaImage().dropLast(24)
        let skipped = Array("HeaderSize = 500\n".utf8) + header
        let padded = skipped + [UInt8](repeating: 9, count: 500 - skipped.count) + voxels + [1, 2, 3]
        #expect(try ScanFile.readVolume(folder.write(padded, as: "skipped.mha")).volume[1, 2, 3] == 23)
        let detached = String(decoding: header.dropLast(1), as: UTF8.self)
            .replacing("ElementDataFile = LOCAL", with: "ElementDataFile = a scan.raw")
        try folder.write(voxels, as: "a scan.raw")
        #expect(try ScanFile.readVolume(folder.write(Array(detached.utf8), as: "a.mhd")).volume[1, 2, 3] == 23)
        var ends = String(decoding: nrrd("axis mins: 1 2 3", "axis maxs: 5 8 11").dropLast(24), as: UTF8.self)
        ends = ends.replacing("space directions: (2,0,0) (0,3,0) (0,0,4)\n", with: "").replacing(
            "space origin: (5,6,7)\n", with: "")
        let geometry = try ScanFile.layout(of: folder.write(Array(ends.utf8) + voxels, as: "ends.nrrd")).geometry
        #expect(geometry.spacing == [2, 2, 2] && geometry.affine[0, 3] == -2 && geometry.affine[2, 3] == 4)
    }

    /// Neither file of a pair is overwritten, and an old header is never beside new voxels.
    @Test func pairsAreWrittenTogether() throws {
        let folder = try ScratchFolder()
        for (name, other) in [("a.nhdr", "a.raw.gz"), ("a.mhd", "a.zraw")] {
            try folder.write([1, 2], as: other)
            func write(_ overwrite: Bool) throws {
                try ScanFile.write(
                    voxels, size: Self.size, affine: .identity, to: folder.file(name), overwrite: overwrite)
            }
            let error = try #require(throws: DataError.self) { try write(false) }
            #expect(error.subject.hasSuffix(other) && !FileManager.default.fileExists(atPath: folder.file(name)))
            try write(true)
            #expect(try ScanFile.read(folder.file(name)).shape == [2, 3, 4])
            #expect(try ScanFile.layout(of: folder.file(name)).files.count == 2 && ScanFile.isOurs(folder.file(name)))
        }
        #expect(throws: DataError.self) {
            try ScanFile.write(
                voxels, size: Self.size, affine: .identity, to: folder.file(" a.nhdr"), overwrite: false)
        }
        let packed = folder.file("b.nrrd.gz")
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/bin/sh")
        gzip.arguments = ["-c", "printf 'NRRD0004\\n' | gzip > '\(packed)'"]
        try gzip.run()
        gzip.waitUntilExit()
        let error = try #require(throws: DataError.self) { try ScanFile.read(packed) }
        #expect(error.message.contains("compressed as a whole"))
    }
}
