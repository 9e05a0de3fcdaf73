import Foundation
import SegCore
import SegDICOM
import SegImaging
import SegTestNeeds
import Testing

/// Segmentations and structure sets of other programs as labels of their scans.
@Suite(
    .enabled(if: SharedCases.isThere, "needs ../shared/data/dicom"), .needs("libMedSegDICOM") { hasDicomLibrary })
struct SegmentFileTests {
    private func label(
        _ name: String, on scan: String, classes: [Int: String] = [:]
    ) throws -> (volume: Volume, geometry: ScanGeometry) {
        let geometry = try DicomSource().layout(of: SharedCases.folder + "/dicom/" + scan).geometry
        let path = SharedCases.folder + "/dicom/" + name
        return try #require(try DicomSource().readLabel(path, on: geometry, classes: classes))
    }

    @Test func aSegmentationOfDcmqiIsRead() throws {
        let label = try label("real/seg_dcmqi/liver.dcm", on: "real/ct_with_seg", classes: [4: "liver"])
        #expect(label.volume.voxels.count { $0 == 4 } == 107_098 && label.geometry.labels == [4: "Liver"])
        let file = try #require(try SegmentFile(SharedCases.folder + "/dicom/real/seg_dcmqi/liver.dcm"))
        #expect(file.title == "a segmentation" && file.lines.contains("  1: Liver (Liver)"))
    }

    /// The scan of this one is itself a label map.
    @Test func anotherOfDcmqiIsItsScan() throws {
        let folder = SharedCases.folder + "/dicom_second/real"
        let scan = try DicomSource().read(folder + "/ct_with_seg", limits: ScanLimits())
        let label = try DicomSource().readLabel(folder + "/seg_dcmqi/label.seg", on: scan.geometry, classes: [:])
        let voxels = try scan.volume(path: folder).voxels
        #expect(label?.volume.voxels == voxels && voxels.count { $0 == 1 } == 315)
    }

    /// Fractions of only 0 and 1 are whole voxels.
    @Test func sharesThatAreWholeAreRead() throws {
        let affine = Affine(elements: [-0.488281, 0, 0, 125, 0, -0.488281, 0, 128.1, 0, 0, 1.25, 103.02, 0, 0, 0, 1])
        let path = SharedCases.folder + "/dicom_second/real/seg_highdicom/seg_image_ct_binary_fractional.dcm"
        let grid = ScanGeometry(affine: affine, size: Triple(16, 16, 3))
        #expect(try DicomSource().readLabel(path, on: grid, classes: [:])?.volume.voxels.count { $0 == 1 } == 638)
    }

    @Test(arguments: ["seg_binary", "seg_labelmap"])
    func segmentationsOfHighdicomAreRead(_ name: String) throws {
        let label = try label("derived/results/\(name).dcm", on: "derived/ct_whole")
        #expect(label.volume.voxels.count { $0 == 1 } == 9668)
    }

    /// rt-utils draws through the centres of border pixels, therefore some voxels are lost.
    @Test func structuresOfRTUtilsAreRead() throws {
        let count = try label("derived/results/rtstruct.dcm", on: "derived/ct_whole").volume.voxels.count { $0 == 1 }
        #expect((8000...9668).contains(count), "\(count)")
    }

    @Test(arguments: [
        ("real/seg_dcmqi/partial_overlaps.dcm", "real/ct_with_seg", "overlap in"),
        ("real/seg_dcmqi/liver.dcm", "derived/ct_plain", "does not lie on the voxels"),
        ("derived/results/rtstruct.dcm", "real/ct_with_seg", "lie outside of the scan"),
        ("derived/results/rtstruct.dcm", "derived/ct_coronal", "do not lie in the slices"),
        ("derived/results/seg_binary.dcm", "derived/ct_coronal", "another frame of reference"),
    ])
    func whatIsNoLabelMapIsRefused(_ name: String, _ scan: String, _ word: String) throws {
        let error = #expect(throws: DataError.self) { try label(name, on: scan) }
        #expect(error?.kind == .badData && error?.message.contains(word) == true, "\(error?.message ?? "")")
    }

    @Test func namesThatNoClassHasAreRefused() throws {
        let error = #expect(throws: DataError.self) {
            try label("real/seg_dcmqi/liver.dcm", on: "real/ct_with_seg", classes: [0: "background", 1: "spleen"])
        }
        #expect(error?.message.contains("('Liver') has the name of a class of the dataset ('spleen')") == true)
        let one = try label("real/seg_dcmqi/liver.dcm", on: "real/ct_with_seg", classes: [1: "foreground"])
        #expect(one.volume.voxels.contains(1) && one.geometry.remarks.contains { $0.contains("as the foreground") })
    }

    @Test func scansAreNoLabels() throws {
        let folder = try SyntheticSeries(SyntheticSeries.slices(at: [0, 3, 6]))
        #expect(try SegmentFile(folder.path) == nil && SegmentFile(folder.path + "/IM0000") == nil)
        try folder.write([1, 2, 3], as: "short")
        #expect(try SegmentFile(folder.path + "/short") == nil)
    }
}
