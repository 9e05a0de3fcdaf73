import Foundation
import SegCore
import SegDICOM
import SegImaging
import SegTestNeeds
import Testing

/// The volume that a folder of slices gives, for slices that the tests write.
@Suite(.needs("libMedSegDICOM") { hasDicomLibrary })
struct StackingTests {
    private func read(_ series: SyntheticSeries, _ choice: DicomChoice = DicomChoice()) throws -> StoredScan {
        try DicomSource(choice).read(series.path, limits: ScanLimits())
    }

    private func refusal(_ slices: [SyntheticSlice], _ choice: DicomChoice = DicomChoice()) throws -> DataError {
        let series = try SyntheticSeries(slices)
        return try #require(#expect(throws: DataError.self) { try read(series, choice) })
    }

    @Test func slicesAreSortedByPlaceWhateverTheirNamesAndNumbers() throws {
        let slices = SyntheticSeries.slices(at: [0, 3, 6, 9])
        let plain = try read(SyntheticSeries(slices))
        var shuffled = [slices[2], slices[0], slices[3], slices[1]]
        for index in shuffled.indices { shuffled[index].instanceNumber = 9 - index }
        let other = try read(SyntheticSeries(shuffled))
        #expect(plain.shape == [5, 4, 4] && other.shape == plain.shape && other.affine == plain.affine)
        for k in 0..<4 { #expect(plain.value(at: [1, 0, k]) == Double(100 * k + 1)) }
        #expect(other.value(at: [4, 3, 3]) == plain.value(at: [4, 3, 3]))
    }

    /// x and y run to the right and forward in NIfTI, to the left and back in DICOM; row spacing comes first.
    @Test func affineIsOfRowsColumnsAndPlaces() throws {
        let scan = try read(SyntheticSeries(SyntheticSeries.slices(at: [5, 8])))
        #expect(scan.affine == Affine(elements: [-1.5, 0, 0, 10, 0, -2, 0, 20, 0, 0, 3, 5, 0, 0, 0, 1]))
    }

    @Test func tiltIsAShearedAffine() throws {
        var slices = SyntheticSeries.slices(at: [0, 3, 6])
        for index in slices.indices { slices[index].position[1] += Double(index) }
        let scan = try read(SyntheticSeries(slices))
        #expect(scan.affine.isSheared && abs(scan.affine[1, 2] + 1) < 1e-9)
        #expect(scan.geometry.remarks.contains { $0.contains("18.4 degrees") })
    }

    @Test func aMissingSliceIsRefusedOrFilled() throws {
        let slices = SyntheticSeries.slices(at: [0, 3, 6, 12, 15])
        let error = try refusal(slices)
        #expect(error.kind == .badData && error.message.contains("1 slice is missing"))
        #expect(error.message.contains("series 1") && error.message.contains("InstanceNumber 3"))
        let scan = try read(SyntheticSeries(slices), DicomChoice(fillsGaps: true))
        #expect(scan.shape == [5, 4, 6] && scan.value(at: [0, 0, 3]) == 250)
    }

    @Test func twoSpacingsAreRefusedOrResampled() throws {
        let slices = SyntheticSeries.slices(at: [0, 2, 4, 9, 14])
        let error = try refusal(slices)
        #expect(error.message.contains("2 to 5 mm") && error.message.contains("--fill-gaps"))
        let scan = try read(SyntheticSeries(slices), DicomChoice(fillsGaps: true))
        #expect(scan.shape == [5, 4, 8] && scan.value(at: [0, 0, 7]) == 400)
    }

    /// As many slices as files, but none at the position of a slice of the volume.
    @Test func unevenSlicesAreResampledThoughTheirNumberStays() throws {
        let series = try SyntheticSeries(SyntheticSeries.slices(at: [0, 3, 6, 10.4, 13.4, 16.4]))
        let scan = try read(series, DicomChoice(fillsGaps: true))
        #expect(scan.shape == [5, 4, 6] && scan.type == .float32)
        // Slice 3 is at 9.84 mm, between frames 2 and 3.
        #expect(abs(scan.value(at: [0, 0, 3]) - (200 + 100 * (9.84 - 6) / 4.4)) < 1e-3)
    }

    @Test func slicesBesideTheLineAreRefused() throws {
        var slices = SyntheticSeries.slices(at: [0, 3, 6, 9])
        slices[1].position[0] += 0.2
        #expect(try refusal(slices).message.contains("off the line"))
    }

    @Test func copiesAreTakenOnce() throws {
        let slices = SyntheticSeries.slices(at: [0, 3, 6])
        let same = try read(SyntheticSeries(slices + [slices[1]]))
        #expect(same.shape == [5, 4, 3] && same.geometry.remarks.contains { $0.contains("one SOP instance") })
        var renamed = slices[1]
        renamed.instance = "2.25.99"
        let twice = try read(SyntheticSeries(slices + [renamed]))
        #expect(twice.shape == [5, 4, 3] && twice.geometry.remarks.contains { $0.contains("equal pixels") })
        renamed.pixels[7] = 9
        #expect(try refusal(slices + [renamed]).message.contains("differ"))
    }

    @Test func severalSeriesAreAskedFor() throws {
        let folder = try SyntheticSeries(
            SyntheticSeries.slices(at: [0, 3]) + SyntheticSeries.slices(at: [0, 2, 4], series: "2.25.2"))
        let error = #expect(throws: DataError.self) { try read(folder) }
        #expect(error?.kind == .badArgument && error?.message.contains("--series") == true)
        #expect(try read(folder, DicomChoice(series: "2")).shape == [5, 4, 3])
        #expect(try read(folder, DicomChoice(series: "2.25.1")).shape == [5, 4, 2])
        let wrong = #expect(throws: DataError.self) { try read(folder, DicomChoice(series: "3")) }
        #expect(wrong?.kind == .badArgument)
    }

    /// An uneven series is not skipped in favour of an intact one beside it.
    @Test func aBrokenSeriesBesideASoundOneIsAskedFor() throws {
        let folder = try SyntheticSeries(
            SyntheticSeries.slices(at: [0, 3, 6]) + SyntheticSeries.slices(at: [0, 2, 4, 8], series: "2.25.2"))
        let error = #expect(throws: DataError.self) { try read(folder) }
        #expect(error?.kind == .badArgument && error?.message.contains("missing") == true)
    }

    @Test func phasesAreVolumesOfTheirOwn() throws {
        var late = SyntheticSeries.slices(at: [0, 3, 6])
        for index in late.indices {
            late[index].instance += ".7"
            late[index].elements[0x0020_0012] = ("IS", "10")
            late[index].pixels = late[index].pixels.map { $0 + 1000 }
        }
        var early = SyntheticSeries.slices(at: [0, 3, 6])
        for index in early.indices { early[index].elements[0x0020_0012] = ("IS", "9") }
        let folder = try SyntheticSeries(late + early)
        let error = #expect(throws: DataError.self) { try read(folder) }
        #expect(error?.kind == .badArgument && error?.message.contains("AcquisitionNumber 10") == true)
        #expect(try read(folder, DicomChoice(volume: 1)).value(at: [0, 0, 0]) == 0)
        #expect(try read(folder, DicomChoice(volume: 2)).value(at: [0, 0, 0]) == 1000)
    }

    @Test func slopesOfSlicesAreApplied() throws {
        var slices = SyntheticSeries.slices(at: [0, 3])
        for index in slices.indices {
            slices[index].elements[0x0028_1053] = ("DS", index == 0 ? "2" : "0.5")
            slices[index].elements[0x0028_1052] = ("DS", "-1")
        }
        let scan = try read(SyntheticSeries(slices))
        #expect(scan.type == .float32 && scan.value(at: [3, 0, 0]) == 5 && scan.value(at: [3, 0, 1]) == 50.5)
        slices[1].elements[0x0028_1053] = ("DS", "2")
        let even = try read(SyntheticSeries(slices))
        #expect(even.type == .uint16 && even.value(at: [3, 0, 1]) == 205)
    }

    @Test(arguments: [
        (0x0008_0008 as UInt32, "CS", "DERIVED\\PRIMARY\\MPR\\MOSAIC", "mosaic"),
        (0x0028_0004, "CS", "PALETTE COLOR", "PALETTE COLOR"), (0x0028_1053, "DS", "0", "RescaleSlope"),
        (0x0028_0008, "IS", "2", "functional groups"),
    ])
    func whatCannotBeReadIsNamed(_ tag: UInt32, _ vr: String, _ value: String, _ word: String) throws {
        var slices = SyntheticSeries.slices(at: [0, 3, 6])
        slices[1].elements[tag] = (vr, value)
        let error = try refusal(slices)
        #expect(error.kind == .badData && error.message.contains(word) && error.message.contains("IM0001"))
    }

    @Test func slicesWithoutAPlaceAreRefused() throws {
        var slices = SyntheticSeries.slices(at: [0, 3, 6])
        for index in slices.indices { slices[index].missing = [0x0020_0032] }
        #expect(try refusal(slices).message.contains("ImagePositionPatient"))
    }

    @Test func otherFilesAreLeftOut() throws {
        let folder = try SyntheticSeries(SyntheticSeries.slices(at: [0, 3, 6]))
        try folder.write(
            Array("a note, long enough to be looked at ".utf8) + [UInt8](repeating: 7, count: 200), as: "a.txt")
        try folder.write([UInt8](repeating: 8, count: 300), as: "deep/.hidden")
        var capture = SyntheticSlice()
        capture.elements[0x0008_0016] = ("UI", "1.2.840.10008.5.1.4.1.1.7")
        try folder.write(capture.bytes, as: "deep/shot.dcm")
        let scan = try read(folder)
        #expect(scan.shape == [5, 4, 3])
        #expect(scan.geometry.remarks == ["Left out: deep/shot.dcm (a secondary capture)."])
    }

    /// A patient's name is in the files, but in no message.
    @Test func patientsAreNotNamed() throws {
        var slices = SyntheticSeries.slices(at: [0, 3, 7])
        for index in slices.indices { slices[index].elements[0x0010_0010] = ("PN", "ZZZPATIENT^NAME") }
        let folder = try SyntheticSeries(slices)
        let catalogue = try DicomCatalogue(folder.path)
        let said = try refusal(slices).description + catalogue.table.joined() + catalogue.notes.joined()
        #expect(!said.contains("ZZZPATIENT"))
    }
}
