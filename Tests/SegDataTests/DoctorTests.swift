import Foundation
import SegCore
import SegData
import SegImaging
import Testing

/// A dataset of small healthy scans, each of which a test may damage.
private struct Ward {
    let folder: ScratchFolder
    private(set) var names: [String] = []
    static let size = Triple(16, 14, 12)
    static let affine = Affine(elements: [1.5, 0, 0, -12, 0, 1.5, 0, -9, 0, 0, 2, -30, 0, 0, 0, 1])

    init() throws {
        folder = try ScratchFolder()
        for part in ["imagesTr", "labelsTr"] {
            try FileManager.default.createDirectory(
                atPath: folder.file(part), withIntermediateDirectories: true)
        }
        // Enough healthy cases for a median.
        for number in 0..<5 { try admit("healthy\(number)") }
    }

    func image(_ name: String) -> String { folder.file("imagesTr/\(name).nii") }
    func label(_ name: String) -> String { folder.file("labelsTr/\(name).nii") }

    /// Voxels of air with a body, whose brightness differs from case to case.
    static func voxels(_ shade: Float) -> [Float] {
        (0..<size.count).map { $0 % size.w < 3 ? -1000 : 40 + shade + Float($0 % 7) }
    }

    static var mask: [Float] { (0..<size.count).map { $0 % size.w == 5 ? 1 : 0 } }

    mutating func admit(
        _ name: String, voxels: [Float]? = nil, mask: [Float]? = Ward.mask, size: Triple = Ward.size,
        affine: Affine = Ward.affine, labelAffine: Affine? = nil
    ) throws {
        let voxels = voxels ?? Self.voxels(Float(names.count))
        names.append(name)
        try ScanFile.write(voxels, size: size, affine: affine, to: image(name), overwrite: false)
        guard let mask else { return }
        try ScanFile.write(mask, size: size, affine: labelAffine ?? affine, to: label(name), overwrite: false)
    }

    /// Overwrites a 32-bit number of a case's header.
    func patch(_ name: String, at offset: Int, _ value: Float) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: image(name)))
        withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.replaceSubrange(offset..<offset + 4, with: $0) }
        try bytes.write(to: URL(fileURLWithPath: image(name)))
    }

    func dataset(
        labels: String = #"{"0": "background", "1": "spleen"}"#, modality: String = "{}"
    ) throws -> Dataset {
        let pairs = names.map { #"{"image": "imagesTr/\#($0).nii", "label": "labelsTr/\#($0).nii"}"# }
        let json = #"""
            {"name": "Ward", "modality": \#(modality), "labels": \#(labels), "training": [\#(pairs.joined(separator: ","))]}
            """#
        return try Dataset.unchecked(path: folder.write(Array(json.utf8), as: "dataset.json"))
    }

    /// The defects and cases of the findings.
    func findings(plan: DatasetDoctor.Plan? = nil) throws -> [String] {
        try DatasetDoctor(dataset(), plan: plan).findings { _, _ in }.map { "\($0.name) \($0.defect.rawValue)" }
    }
}

@Suite struct DoctorTests {
    private var ward: Ward

    init() throws { ward = try Ward() }

    @Test func healthyCasesAreLeftAlone() throws { #expect(try ward.findings() == []) }

    @Test func oneOfEachDefectIsFoundOnce() throws {
        var ward = ward
        try ward.admit("lost")
        try FileManager.default.removeItem(atPath: ward.image("lost"))
        try ward.admit("cut")
        let handle = try #require(FileHandle(forUpdatingAtPath: ward.image("cut")))
        try handle.truncate(atOffset: 1000)
        var shifted = Ward.affine
        shifted[0, 3] += 5
        try ward.admit("shifted", labelAffine: shifted)
        try ward.admit("half", mask: Ward.mask.map { $0 * 0.5 })
        try ward.admit("unnamed", mask: Ward.mask.map { $0 * 7 })
        try ward.admit("empty", mask: Ward.mask.map { _ in 0 })
        var broken = Ward.voxels(60)
        broken[100] = .nan
        try ward.admit("broken", voxels: broken)
        var tilted = Ward.affine
        tilted[1, 2] = 0.8
        try ward.admit("tilted", affine: tilted)
        try ward.admit("moved")
        try ward.patch("moved", at: 280 + 12, 40)  // srow_x[3], the sform's origin
        var coarse = Ward.affine
        coarse[2, 2] = 20
        try ward.admit("coarse", affine: coarse)
        try ward.admit("scaled", voxels: Ward.voxels(80).map { ($0 + 1000) / 2000 })
        var converted = Ward.affine
        (converted[0, 3], converted[1, 3], converted[2, 3]) = (-15 * 1.5, -13 * 1.5, 0)
        try ward.admit("converted", affine: converted)
        try ward.admit("twin", voxels: Ward.voxels(0))
        #expect(
            try Set(ward.findings()) == [
                "lost missing_file", "cut unreadable", "shifted geometry", "half label_values",
                "unnamed label_values", "empty empty_mask", "broken not_finite", "tilted sheared",
                "moved form_conflict", "moved geometry", "coarse spacing_outlier", "scaled intensity_range",
                "converted suspicious_orientation", "twin duplicate",
            ])
        #expect(try ward.findings().count == 14)
    }

    /// Half a voxel counts as the same grid; the rounding of a header is no finding.
    @Test(arguments: [(0.7, true), (0.1, true), (0.05, false), (0.001, false)])
    func aLabelAFractionOfAVoxelOffIsNamed(_ millimetres: Double, _ isFound: Bool) throws {
        var ward = ward
        var moved = Ward.affine
        moved[0, 3] += millimetres
        try ward.admit("near", labelAffine: moved)
        let findings = try DatasetDoctor(ward.dataset(), plan: nil).findings { _, _ in }
        #expect(findings.map(\.defect) == (isFound ? [.geometry] : []), "\(findings)")
        #expect(findings.allSatisfy { $0.severity == .warning && $0.file == ward.label("near") })
        #expect(findings.allSatisfy { $0.finding.contains("\(millimetres)00 mm off \(ward.image("near"))") })
        let cases = try ward.dataset().cases
        let prepared = try PreparedCase(cases[cases.count - 1], Preprocessing([]), channels: 1, classes: 2)
        #expect(prepared.notes.contains { $0.contains("mm off") } == isFound, "\(prepared.notes)")
    }

    @Test func damagedGzipIsFound() throws {
        let gz = ward.folder.file("imagesTr/damaged.nii.gz")
        try ScanFile.write(
            Ward.voxels(0), size: Ward.size, affine: Ward.affine, to: gz, overwrite: false)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: gz))
        bytes[bytes.count - 6] ^= 0xFF  // within the CRC
        try bytes.write(to: URL(fileURLWithPath: gz))
        let item = DatasetCase(image: gz, label: ward.label("healthy0"))
        let dataset = Dataset(name: "One", labels: [1: "spleen"], channelNames: ["CT"], cases: [item], tests: [])
        let findings = DatasetDoctor(dataset, plan: nil).findings { _, _ in }
        #expect(findings.map(\.defect) == [.unreadable])
        #expect(findings.first?.severity == .error)
    }

    @Test func aWindowLargerThanTheScanIsFound() throws {
        let preprocessing = try Preprocessing(
            orientation: "RAS", pixdim: [1.5, 1.5, 2], intensity: nil, cropForeground: false)
        let fits = DatasetDoctor.Plan(preprocessing: preprocessing, window: Ward.size, pads: false)
        #expect(try ward.findings(plan: fits) == [])
        let large = DatasetDoctor.Plan(preprocessing: preprocessing, window: Triple(16, 14, 13), pads: false)
        #expect(try ward.findings(plan: large) == (0..<5).map { "healthy\($0) window_too_large" })
    }

    /// The doctor finds what would end a training run before its first step.
    @Test func aConfigurationThatDoesNotFitTheDatasetIsFound() throws {
        var plan = DatasetDoctor.Plan(
            preprocessing: try Preprocessing(
                orientation: "RAS", pixdim: [1.5, 1.5, 2], intensity: nil, cropForeground: false),
            window: Ward.size, pads: false)
        (plan.channels, plan.classes) = (1, 2)
        #expect(try ward.findings(plan: plan) == [])
        plan.classes = 1
        #expect(try ward.findings(plan: plan) == (0..<5).map { "healthy\($0) label_values" })
        (plan.channels, plan.classes) = (2, 2)
        #expect(try ward.findings(plan: plan) == (0..<5).map { "healthy\($0) channels" })
        plan.channels = 1
        plan.refusal = DataError(.badData, "train.yaml", key: "network_def.strides", "is missing")
        let findings = try DatasetDoctor(ward.dataset(), plan: plan).findings { _, _ in }
        #expect(findings.map(\.defect) == [.configuration] && findings[0].severity == .error)
        #expect(findings.first?.file == "train.yaml" && findings.first?.finding == "network_def.strides: is missing")
    }

    @Test func theRuleOfIntensitiesSuitsTheModality() throws {
        func unsuited(_ rule: IntensityRule, _ modality: String) throws -> [DatasetFinding] {
            let plan = DatasetDoctor.Plan(
                preprocessing: try Preprocessing(intensities: IntensityRules([rule])), window: Triple(4, 4, 4),
                pads: true)
            let dataset = try ward.dataset(modality: "{\"0\": \"\(modality)\"}")
            return DatasetDoctor(dataset, plan: plan).findings { _, _ in }.filter { $0.defect == .intensityRule }
        }
        let window = IntensityRule.window(try ScaleIntensityRange(aMin: 0, aMax: 9))
        for rule in [window, .fingerprint(nil)] {
            #expect(try unsuited(rule, "CT").isEmpty && unsuited(rule, "cect").isEmpty)
            let findings = try unsuited(rule, "structural T1")
            #expect(findings.count == 1 && findings[0].severity == .warning && findings[0].mend.contains("z_score"))
        }
        #expect(try unsuited(.zScore(.nonzero), "FLAIR").isEmpty)
        #expect(try unsuited(.zScore(.nonzero), "CT").first?.mend.contains("fingerprint") == true)
        func advice(_ modality: String) throws -> String {
            try DatasetDoctor(ward.dataset(modality: modality), plan: nil).advice.joined(separator: "\n")
        }
        #expect(try advice("{}").contains("names no modality"))
        let both = try advice(#"{"0": "CT", "1": "PET"}"#)
        #expect(both.contains("'CT' has the same units") && both.contains("'PET' has no unit"), "\(both)")
    }

    @Test func aClassThatNoCaseHasIsFound() throws {
        let dataset = try ward.dataset(labels: #"{"0": "background", "1": "spleen", "2": "liver"}"#)
        let findings = DatasetDoctor(dataset, plan: nil).findings { _, _ in }
        #expect(findings.map(\.defect) == [.unusedClass])
        #expect(findings.first?.finding.contains("liver") == true)
    }

    /// A mistyped number in the configuration would train a class without a voxel.
    @Test func aNumberOfTheConfigurationThatNoCaseHasIsFound() throws {
        let groups = [
            LabelScheme.Group(name: "spleen", numbers: [1]), LabelScheme.Group(name: "liver", numbers: [55, 56]),
        ]
        let preprocessing = try Preprocessing(
            orientation: "RAS", pixdim: [1.5, 1.5, 2], intensity: nil, cropForeground: false)
        for labels in [LabelScheme(groups: groups), LabelScheme(regions: groups)] {
            let plan = DatasetDoctor.Plan(
                preprocessing: preprocessing, window: Ward.size, pads: false, labels: labels)
            let findings = try DatasetDoctor(ward.dataset(), plan: plan).findings { _, _ in }
            #expect(findings.map(\.defect) == [.unusedClass])
            #expect(findings.first?.finding == "the configuration's 'liver' is 55, 56, which no label map holds")
        }
    }

    @Test(arguments: [(UInt8(1), "in metres"), (3, "in micrometres"), (2, ""), (0, ""), (10, "")])
    func lengthsInOtherUnitsAreNamed(_ code: UInt8, _ words: String) throws {
        let file = ward.image("healthy1")
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
        bytes[123] = code
        try bytes.write(to: URL(fileURLWithPath: file))
        let findings = try DatasetDoctor(ward.dataset(), plan: nil).findings { _, _ in }.filter {
            $0.defect == .otherUnit
        }
        #expect(findings.map(\.file) == (words.isEmpty ? [] : [file]))
        #expect(findings.allSatisfy { $0.finding.contains(words) })
    }

    @Test func aTwinOfAnotherEndingIsNamed() throws {
        try ward.folder.write([1], as: "imagesTr/healthy2.nii.gz")
        #expect(try ward.findings() == ["healthy2 twin"])
    }

    /// A voxel that a grid four times as coarse misses.
    @Test func aClassThatResamplingRemovesIsNamed() throws {
        var ward = ward
        try ward.admit(
            "speck", mask: (0..<Ward.size.count).map { $0 == (5 * Ward.size.h + 5) * Ward.size.w + 5 ? 1 : 0 })
        let coarse = try Preprocessing(orientation: "RAS", pixdim: [6, 6, 2], intensity: nil, cropForeground: false)
        let plan = DatasetDoctor.Plan(preprocessing: coarse, window: Triple(2, 2, 2), pads: false)
        let findings = try DatasetDoctor(ward.dataset(), plan: plan).findings { _, _ in }
        #expect(findings.map { "\($0.name) \($0.defect.rawValue)" } == ["speck vanished_class"])
        #expect(findings[0].finding.contains("spleen") && findings[0].file == ward.label("speck"))
    }

    @Test func aTestScanIsHeldAgainstItsLabel() throws {
        try folderOfOneTest()
        let dataset = try Dataset.unchecked(path: ward.folder.file("dataset.json"))
        let findings = DatasetDoctor(dataset, plan: nil).findings { _, _ in }
        #expect(findings.map { "\($0.name) \($0.defect.rawValue)" } == ["Ward index", "healthy4 empty_mask"])
    }

    /// An index of four cases, a count of nine, and a test scan with an empty label map.
    private func folderOfOneTest() throws {
        func pair(_ name: String) -> String { #"{"image": "imagesTr/\#(name).nii", "label": "labelsTr/\#(name).nii"}"# }
        let pairs = (0..<4).map { pair("healthy\($0)") }.joined(separator: ",")
        let json =
            #"{"name": "Ward", "labels": {"1": "spleen"}, "numTraining": 9, "training": [\#(pairs)], "test": [\#(pair("healthy4"))]}"#
        try ward.folder.write(Array(json.utf8), as: "dataset.json")
        try ScanFile.write(
            Ward.mask.map { _ in Float(0) }, size: Ward.size, affine: Ward.affine, to: ward.label("healthy4"),
            overwrite: true)
    }
}
