import Foundation
import SegCore
import SegDICOM
import SegImaging
import SegTestNeeds
import Testing

/// Files that are damaged, empty or hostile are reported by name, and never skipped.
@Suite(.needs("libMedSegDICOM") { hasDicomLibrary })
struct DamageTests {
    private func error(_ series: SyntheticSeries) throws -> DataError {
        try #require(#expect(throws: DataError.self) { try DicomSource().read(series.path, limits: ScanLimits()) })
    }

    @Test func truncationIsRefusedByName() throws {
        let slices = SyntheticSeries.slices(at: [0, 3, 6])
        for cut in stride(from: 0, to: slices[1].bytes.count, by: 25) {
            let folder = try SyntheticSeries(slices)
            try folder.write(Array(slices[1].bytes.prefix(cut)), as: "IM0001")
            let error = #expect(throws: DataError.self, "cut after \(cut)") {
                try DicomSource().read(folder.path, limits: ScanLimits())
            }
            #expect(
                error?.kind == .badData && error?.message.contains("IM0001") == true, "\(cut): \(error?.message ?? "")")
        }
    }

    /// The last slice, whose absence leaves no gap.
    @Test(arguments: ["IM0003", "last.dcm"])
    func emptyAndZeroedSlicesAreRefused(_ name: String) throws {
        for bytes in [[], [UInt8](repeating: 0, count: 700)] {
            let folder = try SyntheticSeries(SyntheticSeries.slices(at: [0, 3, 6]))
            try folder.write(bytes, as: name)
            let error = try error(folder)
            #expect(error.kind == .badData && error.message.contains("\(name) is empty or damaged"), "\(error)")
        }
    }

    @Test func aFileThatCannotBeOpenedIsRefused() throws {
        let folder = try SyntheticSeries(SyntheticSeries.slices(at: [0, 3, 6]))
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/elsewhere", withDestinationPath: folder.path + "/nothing")
        let error = try error(folder)
        #expect(error.kind == .badData && error.message.contains("elsewhere cannot be opened"), "\(error)")
    }

    /// A file of another kind, empty or not, is not a slice.
    @Test func emptyNotesArePassedOver() throws {
        let folder = try SyntheticSeries(SyntheticSeries.slices(at: [0, 3, 6]))
        try folder.write([], as: "note.txt")
        #expect(try DicomSource().read(folder.path, limits: ScanLimits()).geometry.remarks.isEmpty)
    }

    /// The damaged series is in the list, and the intact one can be chosen.
    @Test func aDamagedFileOfAnotherSeriesBlocksOnlyItsOwn() throws {
        let folder = try SyntheticSeries(SyntheticSeries.slices(at: [0, 3, 6]))
        var other = SyntheticSeries.slices(at: [0], series: "2.25.2")[0]
        other.elements[0x0020_0011] = ("IS", "2")
        try folder.write(Array(other.bytes.dropLast(10)), as: "other/IM0")
        let error = try error(folder)
        #expect(error.kind == .badArgument && error.message.contains("other/IM0"), "\(error)")
        let scan = try DicomSource(DicomChoice(series: "1")).read(folder.path, limits: ScanLimits())
        #expect(scan.shape == [5, 4, 3] && scan.geometry.remarks.contains { $0.contains("other/IM0") })
        #expect(try DicomCatalogue(folder.path).rows.count { $0.refusal != nil } == 1)
    }

    @Test(arguments: [
        (0x0020_0032 as UInt32, "DS", "0\\0\\1e20", "ImagePositionPatient"),
        (0x0028_0030, "DS", "1e9\\1", "PixelSpacing"),
        (0x0028_0011, "DS", "9223372036854775807", "Columns"), (0x0028_0011, "DS", "-9223372036854775808", "Columns"),
        (0x0028_0010, "DS", "4611686018427387904", "Rows"), (0x0028_0010, "DS", "-9223372036854775808", "Rows"),
        (0x0020_0037, "DS", "1e200\\0\\0\\0\\1e200\\0", "ImageOrientationPatient"),
    ])
    func hostileNumbersAreRefused(_ tag: UInt32, _ vr: String, _ value: String, _ word: String) throws {
        var slices = SyntheticSeries.slices(at: [0, 3, 6])
        for index in slices.indices { slices[index].elements[tag] = (vr, value) }
        slices[0].elements[tag] = tag == 0x0020_0032 ? ("DS", "0\\0\\0") : (vr, value)
        let folder = try SyntheticSeries(slices)
        let error = try error(folder)
        #expect(error.kind == .badData && error.message.contains(word), "\(error)")
        _ = try DicomCatalogue(folder.path, fillsGaps: true).table
    }
}
