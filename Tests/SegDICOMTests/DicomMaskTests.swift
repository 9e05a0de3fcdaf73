import Foundation
import SegCore
import SegDICOM
import SegImaging
import SegTestNeeds
import Testing

/// Masks that are written as DICOM objects and read again; Tests/DICOM checks them with other programs.
@Suite(.needs("libMedSegDICOM") { hasDicomLibrary })
struct DicomMaskTests {
    /// Slices that objects can refer to.
    private static func slices(at places: [Double], rows: Int = 4, columns: Int = 5) -> [SyntheticSlice] {
        SyntheticSeries.slices(at: places).map { slice in
            var slice = slice
            slice.elements[0x0020_000d] = ("UI", "2.25.7")
            slice.elements[0x0020_0052] = ("UI", "2.25.8")
            (slice.rows, slice.columns) = (rows, columns)
            slice.pixels = [UInt16](repeating: 7, count: rows * columns)
            return slice
        }
    }

    private static let names = [1: "spleen", 2: "left kidney", 3: "tumour"]

    private func mask(
        _ maps: [[UInt8]], of scan: StoredScan, names: [Int: String] = DicomMaskTests.names, areRegions: Bool = false,
        isNewStudy: Bool = false
    ) throws(DataError) -> DicomMask {
        let description = DicomMask.Description(
            names: names, codes: SegmentCodes(), model: "test", version: "1", isNewStudy: isNewStudy)
        return try DicomMask(maps: maps, areRegions: areRegions, description, of: scan.geometry, scan: "ct")
    }

    private func read(_ folder: SyntheticSeries, fillsGaps: Bool = false) throws -> StoredScan {
        try DicomSource(DicomChoice(fillsGaps: fillsGaps)).read(folder.path, limits: ScanLimits())
    }

    /// Random numbers from 0 to 3.
    private static func noise(_ count: Int) -> [UInt8] {
        var state: UInt32 = 12345
        return (0..<count).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 30)
        }
    }

    private static func write(_ mask: DicomMask, _ form: String, to path: String) throws -> [String] {
        guard let form = DicomSegmentationForm(rawValue: form) else { return try mask.writeStructures(to: path) }
        return try mask.writeSegmentation(form, to: path)
    }

    @Test(arguments: ["binary", "labelmap", "structures"])
    func whatIsWrittenIsReadBack(_ form: String) throws {
        // Random holes, islands, diagonal neighbours and voxels at the image's edges.
        let folder = try SyntheticSeries(Self.slices(at: [0, 3, 6, 9], rows: 23, columns: 31))
        let scan = try read(folder)
        var voxels = Self.noise(23 * 31 * 4)
        for index in voxels.indices where index % 4 == 2 { voxels[index] = 0 }
        let path = folder.path + "/object"
        let remarks = try Self.write(mask([voxels], of: scan), form, to: path)
        #expect(remarks.isEmpty, "\(remarks)")
        let label = try #require(
            try DicomSource().readLabel(path, on: scan.geometry, classes: [2: "Spleen", 5: "left_kidney", 9: "tumour"]))
        let numbers: [Float] = [0, 2, 5, 9]
        #expect(label.volume.voxels == voxels.map { numbers[Int($0)] })
        let own = try #require(try DicomSource().readLabel(path, on: scan.geometry, classes: [:]))
        #expect(own.volume.voxels == voxels.map { Float($0) })
        // An object beside its scan does not become part of it.
        #expect(try read(folder).geometry.remarks.contains { $0.contains("spleen") })
        #expect(DicomSource().isOurs(path) && !DicomSource().isOurs(folder.path + "/IM0000"))
    }

    /// Bits continue from frame to frame, the lowest of a byte first; 20 pixels are not a multiple of 8.
    @Test func bitsAreNotPadded() throws {
        let folder = try SyntheticSeries(Self.slices(at: [0, 3, 6]))
        let voxels = Self.noise(60).map { $0 & 1 }
        let path = folder.path + "/object"
        _ = try mask([voxels], of: read(folder), names: [1: "spleen"]).writeSegmentation(.binary, to: path)
        let bits = (0..<3).flatMap { k in (0..<4).flatMap { j in (0..<5).map { i in voxels[(i * 4 + j) * 3 + k] } } }
        let bytes = (0..<8).map { byte in
            (0..<8).reduce(UInt8(0)) { sum, bit in
                sum | (byte * 8 + bit < bits.count ? bits[byte * 8 + bit] << UInt8(bit) : 0)
            }
        }
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(Array(data.suffix(8)) == bytes)
    }

    @Test func anEmptyMaskHasOneEmptyFrame() throws {
        let folder = try SyntheticSeries(Self.slices(at: [0, 3, 6]))
        let scan = try read(folder)
        let path = folder.path + "/object"
        let empty = try mask([[UInt8](repeating: 0, count: 60)], of: scan)
        #expect(try empty.writeSegmentation(.binary, to: path).contains { $0.contains("one empty frame") })
        #expect(try DicomSource().readLabel(path, on: scan.geometry, classes: [:])?.volume.voxels.max() == 0)
        #expect(
            try empty.writeStructures(to: path).contains { $0.contains("no contours of spleen, left kidney, tumour") })
        #expect(try DicomSource().readLabel(path, on: scan.geometry, classes: [:])?.volume.voxels.max() == 0)
    }

    @Test(arguments: ["binary", "structures"])
    func regionsOverlapAndAreNoLabelMap(_ form: String) throws {
        let folder = try SyntheticSeries(Self.slices(at: [0, 3, 6]))
        let scan = try read(folder)
        let both = [[UInt8]](repeating: Self.noise(60).map { $0 & 1 }, count: 2)
        let path = folder.path + "/object"
        let mask = try self.mask(both, of: scan, names: [0: "whole", 1: "core"], areRegions: true)
        _ = try Self.write(mask, form, to: path)
        let error = #expect(throws: DataError.self) {
            try DicomSource().readLabel(path, on: scan.geometry, classes: [:])
        }
        let count = both[0].count { $0 == 1 }
        #expect(
            error?.message.contains("'whole' and 'core' overlap in \(count) voxels") == true, "\(error?.message ?? "")")
        #expect(throws: DataError.self) { try mask.writeSegmentation(.labelmap, to: path) }
        let one = try DicomSource().readLabel(path, on: scan.geometry, classes: [3: "core"])
        #expect(one?.volume.voxels == both[0].map { Float($0) * 3 })
        #expect(one?.geometry.remarks == ["Its segments 'whole' are not classes of the dataset and were left out."])
    }

    /// The object contains the scan's own slices, and none of those that were filled in.
    @Test func filledSlicesAreNotWritten() throws {
        let folder = try SyntheticSeries(Self.slices(at: [0, 3, 9, 12]))
        let scan = try read(folder, fillsGaps: true)
        try #require(scan.shape == [5, 4, 5])
        let voxels = Self.noise(100)
        let path = folder.path + "/object"
        _ = try mask([voxels], of: scan).writeSegmentation(.binary, to: path)
        let label = try #require(try DicomSource().readLabel(path, on: scan.geometry, classes: [:]))
        #expect(label.volume.voxels == voxels.enumerated().map { $0.offset % 5 == 2 ? 0 : Float($0.element) })
    }

    @Test func missingUIDsAreRefusedAtOnce() throws {
        var slices = Self.slices(at: [0, 3, 6])
        for index in slices.indices { slices[index].elements[0x0020_000d] = ("UI", "") }
        slices[1].instance = slices[0].instance
        let folder = try SyntheticSeries(slices)
        let scan = try read(folder)
        let voxels = Self.noise(60)
        let error = #expect(throws: DataError.self) { try mask([voxels], of: scan) }
        let message = error?.message ?? ""
        #expect(
            error?.kind == .badData && message.contains("--new-study") && message.contains("the same SOPInstanceUID"),
            "\(message)")
        slices[1].instance = "2.25.1.2"
        let other = try SyntheticSeries(slices)
        let written = try mask([voxels], of: read(other), isNewStudy: true)
        #expect(written.remarks.contains { $0.contains("a study of its own") })
        _ = try written.writeSegmentation(.binary, to: other.path + "/object")
    }

    /// A study with a UID is kept if only the series' UID is missing; a new study has no number of the old one.
    @Test func studiesAreKept() throws {
        for missing in [UInt32(0x0020_000e), 0x0020_000d] {
            var slices = Self.slices(at: [0, 3, 6])
            for index in slices.indices {
                slices[index].elements[missing] = ("UI", "")
                slices[index].elements[0x0008_0050] = ("SH", "ACCESSION")
                slices[index].elements[0x0020_0010] = ("SH", "STUDYID")
            }
            let folder = try SyntheticSeries(slices)
            let mask = try self.mask([Self.noise(60)], of: read(folder), isNewStudy: true)
            let path = folder.path + "/object"
            for form in ["binary", "structures"] {
                _ = try Self.write(mask, form, to: path)
                let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
                let isKept = missing == 0x0020_000e
                #expect(text.contains("2.25.7 \0\u{0e}\0") == isKept)
                #expect(text.contains("ACCESSION") == isKept && text.contains("STUDYID") == isKept)
            }
            #expect(mask.remarks.contains { $0.contains("a study of its own") } == (missing == 0x0020_000d))
        }
    }

    @Test(arguments: [("", true), ("ISO_IR 192", true), ("ISO_IR 100", false)])
    func namesOfOtherLettersAreToldApart(_ characters: String, _ isUnicode: Bool) throws {
        var slices = Self.slices(at: [0, 3, 6])
        for index in slices.indices { slices[index].elements[0x0008_0005] = ("CS", characters) }
        let folder = try SyntheticSeries(slices)
        let scan = try read(folder)
        let mask = try self.mask([Self.noise(60)], of: scan, names: [1: "肝臓", 2: "脾臓", 3: " "])
        let path = folder.path + "/object"
        for form in ["binary", "labelmap", "structures"] {
            _ = try Self.write(mask, form, to: path)
            let names = isUnicode ? ["肝臓", "脾臓", "class 3"] : ["?? 1", "?? 2", "class 3"]
            #expect(try SegmentFile(path)?.segments.map(\.name) == names)
        }
        #expect(mask.remarks.contains { $0.contains(isUnicode ? "'class 3'" : "'?? 1', '?? 2', 'class 3'") })
    }

    /// Files of another series at the same position, and of wider slices.
    @Test(arguments: ["binary", "labelmap", "structures"])
    func objectsOfOtherSeriesAreRefused(_ form: String) throws {
        let folder = try SyntheticSeries(Self.slices(at: [0, 3, 6, 9, 12]))
        let scan = try read(folder)
        let path = folder.path + "/object"
        _ = try Self.write(mask([(0..<100).map { $0 % 5 % 2 == 0 ? 1 : 0 }], of: scan), form, to: path)
        #expect(try DicomSource().readLabel(path, on: scan.geometry, classes: [:]) != nil)
        func refusal(on grid: ScanGeometry) -> String? {
            #expect(throws: DataError.self) { try DicomSource().readLabel(path, on: grid, classes: [:]) }?.message
        }
        let plain = ScanGeometry(affine: scan.geometry.affine, size: Triple(5, 4, 5))
        #expect(refusal(on: plain)?.contains("'spleen' lies in every second slice") == true)
        var others = Self.slices(at: [0, 3, 6, 9, 12])
        for index in others.indices { others[index].instance = "2.25.99.\(index)" }
        let other = try read(SyntheticSeries(others))
        #expect(refusal(on: other.geometry)?.contains("none of which belongs to the scan") == true)
        // Slices that are left out because they are empty.
        _ = try Self.write(mask([(0..<100).map { $0 % 5 != 1 ? 1 : 0 }], of: scan), form, to: path)
        #expect(try DicomSource().readLabel(path, on: plain, classes: [:]) != nil)
    }

    @Test func namesThatAreOneAreRefused() throws {
        let folder = try SyntheticSeries(Self.slices(at: [0, 3, 6]))
        let scan = try read(folder)
        let path = folder.path + "/object"
        _ = try mask([Self.noise(60)], of: scan, names: [1: "GTV-1", 2: "GTV_1", 3: "cord"])
            .writeSegmentation(.binary, to: path)
        func refusal(_ classes: [Int: String]) -> String? {
            #expect(throws: DataError.self) { try DicomSource().readLabel(path, on: scan.geometry, classes: classes) }?
                .message
        }
        #expect(refusal([1: "gtv 1"])?.contains("Its segments 'GTV-1', 'GTV_1' have one name") == true)
        #expect(refusal([1: "Cord", 2: "cord"])?.contains("classes 'Cord', 'cord' have one name") == true)
        let label = try DicomSource().readLabel(path, on: scan.geometry, classes: [1: "cord", 2: "liver"])
        #expect(label?.geometry.remarks.contains("It has no segment for 'liver'.") == true)
    }

    /// Many frames with the same fault give one sentence.
    @Test func faultsOfFramesAreCounted() throws {
        let folder = try SyntheticSeries(Self.slices(at: [0, 3, 6]))
        let scan = try read(folder)
        let path = folder.path + "/object"
        _ = try mask([[UInt8](repeating: 1, count: 60)], of: scan).writeSegmentation(.binary, to: path)
        var affine = scan.geometry.affine
        affine[0, 3] += 0.7
        let error = #expect(throws: DataError.self) {
            try DicomSource().readLabel(path, on: ScanGeometry(affine: affine, size: Triple(5, 4, 3)), classes: [:])
        }
        #expect(
            error?.message
                == "Frame 1 (and 2 more of 3) does not lie on the voxels of the scan; is it of another series or "
                + "resampled?")
    }

    @Test func otherScansAreRefused() throws {
        let folder = try SyntheticSeries([])
        let path = folder.path + "/scan.nii"
        try ScanFile.write(
            [UInt8](repeating: 0, count: 8), size: Triple(2, 2, 2), affine: .identity, to: path, overwrite: false)
        let scan = try ScanFile.read(path)
        let error = #expect(throws: DataError.self) { try mask([[UInt8](repeating: 0, count: 8)], of: scan) }
        #expect(error?.kind == .badArgument && error?.message.contains("is not DICOM") == true)
    }

    @Test func anObjectTakesNoPlaceOfAScansFile() throws {
        let folder = try SyntheticSeries(Self.slices(at: [0, 3, 6]))
        let mask = try self.mask([Self.noise(60)], of: read(folder))
        #expect(throws: DataError.self) { try mask.writeSegmentation(.binary, to: folder.path + "/IM0001") }
        #expect(throws: DataError.self) { try mask.writeStructures(to: folder.path + "/IM0001") }
    }

    @Test func codesAreFoundByName() throws {
        let codes = SegmentCodes()
        let kidney = try #require(codes.meaning(of: "Kidney_Left"))
        #expect(kidney.type.value == "64033007" && kidney.modifier?.meaning == "Left")
        #expect(codes.meaning(of: "rib_right_3")?.type.meaning == "Third rib")
        #expect(codes.meaning(of: "heart_atrium_left")?.modifier == nil)
        #expect(codes.meaning(of: "liver tumour")?.category.value == "49755003")
        #expect(codes.meaning(of: "something odd") == nil)
        let folder = try SyntheticSeries([])
        let own = #"{"something odd": {"type": ["1", "99X", "Odd"]}, "spleen": {"type": ["2", "99X", "Mine"]}}"#
        try folder.write(Array(own.utf8), as: "codes.json")
        let read = try SegmentCodes(file: folder.path + "/codes.json")
        #expect(read.meaning(of: "Something_odd")?.type.value == "1" && read.meaning(of: "spleen")?.type.value == "2")
        #expect(read.meaning(of: "liver")?.type.value == "10200004")
        try folder.write(Array(#"{"a": {"type": ["1", "x"]}, "b": {"kind": 1}}"#.utf8), as: "codes.json")
        let error = #expect(throws: DataError.self) { try SegmentCodes(file: folder.path + "/codes.json") }
        for word in ["a.type should be", "b.type is missing", "b.kind is no"] {
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        }
    }
}
