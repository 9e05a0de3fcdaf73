import Foundation
import SegCore
import SegDICOM
import SegImaging
import SegTestNeeds
import Testing

/// Files with one UID, slices without a position beside slices with one, and the messages about both.
@Suite(.needs("libMedSegDICOM") { hasDicomLibrary })
struct CopiesTests {
    private func read(_ series: SyntheticSeries, _ choice: DicomChoice = DicomChoice()) throws -> StoredScan {
        try DicomSource(choice).read(series.path, limits: ScanLimits())
    }

    /// Two phases whose files all have one UID; the pixels of the second are 1000 higher.
    private func phases(_ tag: UInt32?, _ vr: String = "IS", _ values: [String] = ["", ""]) -> [SyntheticSlice] {
        (0..<2).flatMap { phase in
            var slices = SyntheticSeries.slices(at: [0, 3, 6])
            for index in slices.indices {
                slices[index].instance = "2.25.5"
                if let tag { slices[index].elements[tag] = (vr, values[phase]) }
                slices[index].pixels = slices[index].pixels.map { $0 + UInt16(1000 * phase) }
            }
            return slices
        }
    }

    @Test func phasesOfOneUIDAreVolumes() throws {
        let told = phases(0x0020_0012, "IS", ["1", "2"])
        // Names that would sort each phase first at some positions.
        let folder = try SyntheticSeries([told[0], told[4], told[2], told[3], told[1], told[5]])
        for (volume, first) in [(1, 0.0), (2, 1000)] {
            let scan = try read(folder, DicomChoice(volume: volume))
            for k in 0..<3 { #expect(scan.value(at: [0, 0, k]) == first + Double(100 * k)) }
        }
    }

    @Test func phasesThatNothingTellsApartAreRefused() throws {
        let folder = try SyntheticSeries(phases(nil))
        let error = #expect(throws: DataError.self) { try read(folder) }
        #expect(error?.message.contains("differ") == true, "\(error?.message ?? "")")
    }

    @Test func aSeriesThatIsThereTwiceIsSaidOnce() throws {
        let slices = SyntheticSeries.slices(at: [0, 3, 6])
        let folder = try SyntheticSeries(slices + slices)
        let remarks = try read(folder).geometry.remarks
        #expect(remarks.count == 1 && remarks[0].contains("3 slices are copies"), "\(remarks)")
    }

    @Test func aSliceWithoutAPlaceBesideOthersIsRefused() throws {
        var slices = SyntheticSeries.slices(at: [0, 3, 6, 9])
        slices[3].missing = [0x0020_0032]
        let folder = try SyntheticSeries(slices)
        let error = #expect(throws: DataError.self) { try read(folder) }
        let message = error?.message ?? ""
        #expect(error?.kind == .badData && message.contains("IM0003"), "\(message)")
        #expect(message.contains("lacks ImagePositionPatient, which the other slices"), "\(message)")
    }

    /// Times of day are personal data; their order is enough.
    @Test func timesAreNumbered() throws {
        let folder = try SyntheticSeries(phases(0x0008_0032, "TM", ["101112", "131415"]))
        let error = #expect(throws: DataError.self) { try read(folder) }
        let message = error?.message ?? ""
        #expect(error?.kind == .badArgument && message.contains("time 2") && !message.contains("131415"), "\(message)")
        #expect(try read(folder, DicomChoice(volume: 2)).value(at: [0, 0, 0]) == 1000)
    }

    /// Terminal control characters are removed from values and names, and the length of values is limited.
    @Test func valuesDoNotSteerTheTerminal() throws {
        var slices = SyntheticSeries.slices(at: [0, 3, 6])
        for index in slices.indices {
            slices[index].elements[0x0008_103e] = ("LO", "a\u{1b}[2Jb\nc")
            slices[index].elements[0x0020_0011] = ("IS", "1\u{1b}]0;x\u{7}" + String(repeating: "9", count: 3000))
            slices[index].elements[0x0008_0060] = ("CS", String(repeating: "C", count: 3000))
        }
        let folder = try SyntheticSeries(slices)
        try folder.write(Array(slices[1].bytes.prefix(300)), as: "x\u{1b}[31m.dcm")
        let error = #expect(throws: DataError.self) { try read(folder) }
        try FileManager.default.removeItem(atPath: folder.path + "/x\u{1b}[31m.dcm")
        let catalogue = try DicomCatalogue(folder.path)
        for text in catalogue.table + catalogue.notes + [error?.message ?? ""] {
            #expect(!text.unicodeScalars.contains { $0.value < 32 || $0.value == 127 })
            #expect(text.count < 400)
        }
        #expect(catalogue.table.contains { $0.contains("a\u{fffd}[2Jb\u{fffd}c") })
    }
}
