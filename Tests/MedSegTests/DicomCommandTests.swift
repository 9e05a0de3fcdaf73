import Foundation
import SegImaging
import SegTestNeeds
import Testing

/// The shared DICOM cases.
private enum DicomCases {
    static let folder: String = {
        if let named = ProcessInfo.processInfo.environment["MEDSEG_SHARED"] { return named + "/data/dicom" }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.deletingLastPathComponent().appendingPathComponent("shared/data/dicom").standardizedFileURL.path
    }()

    static let areThere = FileManager.default.fileExists(atPath: folder + "/expected.json")

    /// On a machine without DCMTK every DICOM input gives the message that it is missing.
    static var hasLibrary: Bool {
        (try? Command.medseg("dicom", folder + "/derived/ct_plain")).map { $0.status != 69 } ?? false
    }
}

/// Commands with DICOM input, on the cases beside the package.
@Suite(
    .needs("A build of medseg and medseg-bench") { Command.areBuilt },
    .needs("libMedSegDICOM") { DicomCases.hasLibrary }, .enabled(if: DicomCases.areThere, "needs ../shared/data/dicom"))
struct DicomCommandTests {
    private let scratch: ScratchFolder

    init() throws { scratch = try ScratchFolder() }

    private func path(_ name: String) -> String { DicomCases.folder + "/" + name }

    @Test func seriesAndVolumesAreListed() throws {
        let phases = try Command.medseg("dicom", path("derived/ct_two_phases"))
        #expect(phases.status == 0 && phases.output.contains("100×84×8") && phases.output.contains(", volume 2: "))
        let json = try Command.medseg("dicom", path("derived/mixed_folder"), "--json")
        let listing = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
        let rows = try #require(listing?["series"] as? [[String: Any]])
        #expect(rows.map { $0["shape"] as? [Int] } == [[100, 84, 12], [100, 84, 6]])
        let export = try Command.medseg("dicom", path("real/ct_export_with_scout"))
        #expect(export.output.contains("a secondary capture") && export.output.contains("localizer"))
    }

    @Test func severalVolumesAreChosenFrom() throws {
        let phases = path("derived/ct_two_phases")
        let asked = try Command.medseg("info", phases)
        #expect(asked.status == 64 && asked.errors.contains("--volume"))
        #expect(try Command.medseg("info", phases, "--volume", "2").output.contains("shape        100×84×8"))
        let other = try Command.medseg("info", scratch.write([1], as: "a.nii"), "--volume", "2")
        expectFailure(other, 64, "no input is DICOM")
    }

    @Test func gapsAreFilledOnRequest() throws {
        let out = scratch.file("filled.nii.gz")
        expectFailure(try Command.medseg("data", "convert", path("derived/ct_missing_slice"), out), 65, "--fill-gaps")
        #expect(
            try Command.medseg("data", "convert", path("derived/ct_missing_slice"), out, "--fill-gaps").status == 0)
        #expect(try ScanFile.layout(of: out).shape == [100, 84, 14])
    }

    /// The mask of a series equals that of the NIfTI which it is converted to, voxel by voxel and position by position.
    @Test(arguments: ["derived/ct_oblique", "derived/ct_coronal", "derived/ct_enhanced_multiframe"])
    func masksAreThoseOfTheNIfTI(_ name: String) throws {
        let data = try SmallDataset()
        let model = try data.train()
        let nifti = scratch.file("scan.nii.gz")
        #expect(try Command.medseg("data", "convert", path(name), nifti).status == 0)
        let out = scratch.file("out")
        let predicted = try Command.medseg("predict", path(name), nifti, "--model", model, "--out", out, "-q")
        #expect(predicted.status == 0, "\(predicted.errors)")
        let stem = name.split(separator: "/")[1]
        let (mask, other) = (
            try ScanFile.readVolume("\(out)/\(stem)_mask.nii.gz").volume,
            try ScanFile.readVolume("\(out)/scan_mask.nii.gz").volume
        )
        #expect(mask.voxels == other.voxels && mask.size == other.size)
        #expect(zip(mask.affine.elements, other.affine.elements).allSatisfy { abs($0 - $1) < 1e-3 })
        withExtendedLifetime(data) {}
    }

    @Test func aFolderOfSeveralVolumesCostsNoOtherScanItsMask() throws {
        let data = try SmallDataset()
        let model = try data.train()
        let out = scratch.file("out")
        let both = try Command.medseg(
            "predict", path("derived/ct_two_phases"), path("derived/ct_plain") + "/.", "--model", model, "--out", out,
            "-q")
        expectFailure(both, 64, "1 of 2 scans")
        #expect(both.errors.contains("--volume"))
        #expect(FileManager.default.fileExists(atPath: "\(out)/ct_plain_mask.nii.gz"))
        withExtendedLifetime(data) {}
    }

    /// The objects contain the patient's name; the mask, the report and the printed output do not.
    @Test func objectsAreWrittenBesideTheMask() throws {
        let data = try SmallDataset()
        let (model, out) = (try data.train(), scratch.file("out"))
        let arguments = ["predict", path("derived/ct_plain"), "--model", model, "--out", out, "--report", "-q"]
        let predicted = try Command.medseg(list: arguments + ["--dicom-seg", "binary", "--rtstruct"])
        #expect(predicted.status == 0, "\(predicted.errors)")
        func isNamed(_ file: String) throws -> Bool {
            try Data(contentsOf: URL(fileURLWithPath: "\(out)/ct_plain_\(file)")).range(of: Data("Derived".utf8)) != nil
        }
        #expect(try isNamed("seg.dcm") && isNamed("rtstruct.dcm") && !isNamed("report.json"))
        #expect(!(predicted.output + predicted.errors).contains("Derived"))
        let info = try Command.medseg("info", "\(out)/ct_plain_seg.dcm")
        #expect(info.output.contains("a segmentation") && info.output.contains("1: ball (Tissue)"), "\(info.errors)")
        let again = try Command.medseg(list: arguments + ["--force"])
        #expect(again.status == 0 && !FileManager.default.fileExists(atPath: "\(out)/ct_plain_seg.dcm"))
        withExtendedLifetime(data) {}
    }

    @Test func objectsOfOtherScansAreRefused() throws {
        let data = try SmallDataset()
        let out = scratch.file("out")
        let nifti = try Command.medseg("predict", data.image(0), "--model", "m", "--out", out, "--rtstruct")
        expectFailure(nifti, 64, "ct_0.nii.gz is not DICOM")
        let alone = try Command.medseg("predict", path("derived/ct_plain"), "--model", "m", "--out", out, "--new-study")
        expectFailure(alone, 64, "pass --dicom-seg or --rtstruct")
    }

    /// A patient's name is neither printed nor written.
    @Test func patientsAreNotNamed() throws {
        let (series, nifti) = (path("derived/ct_plain"), scratch.file("ct.nii"))
        var said = ""
        for arguments in [
            ["dicom", series], ["dicom", series, "--json"], ["info", series], ["info", series, "--json"],
            ["data", "convert", series, nifti], ["info", path("derived/ct_missing_slice")],
        ] {
            let outcome = try Command.medseg(list: arguments)
            said += outcome.output + outcome.errors
        }
        said += String(decoding: try Data(contentsOf: URL(fileURLWithPath: nifti)), as: UTF8.self)
        #expect(!said.contains("Test^Derived") && !said.contains("Derived^"))
    }

    @Test func datasetsMayHoldSeries() throws {
        let series = path("derived/ct_plain")
        let scan = scratch.file("ct.nii.gz")
        #expect(try Command.medseg("data", "convert", series, scan).status == 0)
        let volume = try ScanFile.readVolume(scan).volume
        let mask = volume.voxels.map { $0 > 0 ? UInt8(1) : 0 }
        try scratch.write([], as: "source/labelsTr/one.nii.gz")
        try ScanFile.write(
            mask, size: volume.size, affine: volume.affine, to: scratch.file("source/labelsTr/one.nii.gz"),
            overwrite: true)
        let index = """
            {"labels": {"0": "background", "1": "bone"},
             "training": [{"image": "\(series)", "label": "labelsTr/one.nii.gz"}]}
            """
        try scratch.write(index.utf8, as: "source/dataset.json")
        let got = scratch.file("got")
        let imported = try Command.medseg("data", "import", scratch.file("source"), "--out", got, "--quiet")
        #expect(imported.status == 0, "\(imported.errors)")
        let data = try SmallDataset()
        let model = try data.train()
        let evaluated = try Command.medseg("evaluate", "--model", model, "--data", got, "-q")
        #expect(evaluated.status == 0 && evaluated.output.contains("bone"), "\(evaluated.errors)")
        withExtendedLifetime(data) {}
    }

    @Test func withoutTheLibraryOnlyDicomIsMissing() throws {
        let without = ["MEDSEG_DICOM_LIBRARY": "/nowhere/libMedSegDICOM.so"]
        #expect(try Command.medseg("devices", environment: without).status == 0)
        let asked = try Command.medseg("info", path("derived/ct_plain"), environment: without)
        expectFailure(asked, 69, "libdcmtk17", "libopenjp2-7")
    }
}
