import Foundation
import SegBackend
import SegCore
import SegImaging
import SegInference
import SegModels
import SegReference
import Testing

/// The report about the labels found in a scan, and the maps that it names.
@Suite struct ScanReportTests {
    private static let size = Triple(12, 10, 14)

    /// A block of intensity 100 in air of 0, away from the borders.
    private static let scan: Volume = {
        var scan = Volume(
            voxels: [Float](repeating: 0, count: size.count), size: size,
            affine: Affine(elements: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2.5, 0, 0, 0, 0, 1]))
        for i in 4..<8 { for j in 3..<7 { for k in 5..<9 { scan[i, j, k] = 100 } } }
        return scan
    }()

    private func segmenter(
        _ uncertainty: UncertaintyOptions?, channels: Int = 2, plan: MaskPlan = MaskPlan()
    ) throws -> Segmenter {
        let backend = ReferenceBackend()
        var description = ModelDescription(
            network: NetworkDefinition(["_target_": "UNet"], source: "model.json"),
            preprocessing: try Preprocessing(
                orientation: "RAS", pixdim: nil,
                intensity: ScaleIntensityRange(aMin: 0, aMax: 100, bMin: 0, bMax: 1, clip: true),
                cropForeground: true),
            roiSize: Triple(4), overlap: WindowOverlap(0.25), mode: .gaussian, labels: [1: "block"])
        description.maskPlan = plan
        let predictor = Predictor(
            network: ThresholdNetwork(on: backend, channels: channels), description: description, on: backend)
        var segmenter = try Segmenter(Ensemble([predictor]), uncertainty: uncertainty)
        segmenter.keepsPrediction = true
        return segmenter
    }

    private var mirrored: UncertaintyOptions {
        var options = UncertaintyOptions()
        (options.passes, options.mirroredAxes, options.allowsZeroVariance) = (0, [0, 2], true)
        return options
    }

    private func report(_ segmenter: Segmenter, concerns: [Concern] = []) throws -> (ScanReport, Segmentation) {
        let found = try segmenter(Self.scan, name: "scan") { _, _ in }
        let maps = found.uncertain.map { uncertain in
            uncertain.writeMaps(validity: uncertain.validity()) { _, _, _ in }
        }
        return (
            ScanReport(
                scan: "ct", model: "tiny", segmenter: segmenter, found: found, volume: Self.scan, maps: maps,
                concerns: concerns, probabilities: false, seconds: 1.234567), found
        )
    }

    private func keys(_ report: ScanReport) throws -> [String: ConfigValue] {
        guard case .object(let members) = try ConfigValue(json: Data(report.json().utf8), from: "report") else {
            throw CocoaError(.coderReadCorrupt)
        }
        return members
    }

    @Test func volumesAndIntensitiesAreThoseOfTheMask() throws {
        let (report, _) = try report(segmenter(nil))
        #expect(report.labels.count == 1 && report.labels[0].voxels == 64 && report.labels[0].meanIntensity == 100)
        #expect(report.labels[0].volumeML == 0.64 && report.summary == "block 0.64 ml")
        let members = try keys(report)
        #expect(
            Set(members.keys) == [
                "scan", "model", "device", "options", "labels", "concerns", "uncertainty_maps", "uncertainty_score",
                "seconds", "notice",
            ])
        #expect(
            members["labels"] == [
                ["label": 1, "name": "block", "voxels": 64, "volume_ml": 0.64, "mean_intensity": 100]
            ])
        #expect(members["seconds"] == 1.23 && members["scan"] == "ct" && members["uncertainty_maps"] == [])
    }

    /// Regions are measured separately, under the numbers of their channels, and no single map is named for them.
    @Test func regionsAreMeasuredEachByItself() throws {
        var plan = MaskPlan()
        (plan.isRegions, plan.probabilities) = (true, .sigmoid)
        let segmenter = try segmenter(nil, channels: 3, plan: plan)
        #expect(segmenter.labelNumbers == [0, 1, 2])
        #expect(throws: InferenceError.self) { try segmenter.checkClasses(for: "a figure") }
        let (report, found) = try report(segmenter)
        // Channel 0 is 0 everywhere within the network's box; its probability of 0.5 reaches the threshold.
        #expect(found.maps.count == 3 && report.regions == true)
        #expect(report.labels.map(\.voxels) == [64, 64, 0] && report.labels.map(\.label) == [0, 1, 2])
        #expect(report.labels.map(\.name) == ["region 0", "block", "region 2"])
        #expect(report.uncertaintyScore == nil)
        #expect(throws: InferenceError.self) {
            try self.segmenter(mirrored, channels: 3, plan: plan)(Self.scan, name: "scan") { _, _ in }
        }
    }

    /// A report has no rows, and a folder no maps, for numbers below the largest that no region is painted with.
    @Test func paintedRegionsAreMeasuredUnderTheirNumbers() throws {
        var plan = MaskPlan()
        plan.probabilities = .sigmoid
        plan.painting = [MaskPlan.Paint(channel: 2, label: 9), MaskPlan.Paint(channel: 1, label: 4)]
        let segmenter = try segmenter(nil, channels: 3, plan: plan)
        #expect(segmenter.labelNumbers == [4, 9])
        let (report, found) = try report(segmenter)
        #expect(report.labels.map(\.label) == [4, 9] && report.labels.map(\.voxels) == [64, 0])
        let files = PredictionFiles(input: "/scans/ct.nii.gz", folder: "/masks")
        let extras = PredictionFiles.Extras(probabilities: true, figure: false, report: false, uncertainty: false)
        #expect(
            files.all(extras, labels: found.labelNumbers) == [files.mask, files.probability(4), files.probability(9)])
    }

    @Test func whatIsUndefinedIsLeftOut() throws {
        var segmenter = try segmenter(nil, channels: 3)
        segmenter.postprocessing.minimumVolumeML = 1
        let concern = Concern(topic: "spacing", level: .warning, message: "Odd.")
        let (report, _) = try report(segmenter, concerns: [concern])
        let members = try keys(report)
        #expect(
            members["labels"] == [
                ["label": 1, "name": "block", "voxels": 0, "volume_ml": 0],
                ["label": 2, "name": "class 2", "voxels": 0, "volume_ml": 0],
            ])
        // The report contains the postprocessing settings and a concern about the removed voxels.
        #expect(
            report.options.postprocessing.minimumVolumeML == 1 && report.options.postprocessing.connectivity == .corners
        )
        #expect(report.concerns.map(\.topic) == ["spacing", "postprocessing"])
    }

    @Test func mapsMeanNothingOutsideTheirValidity() throws {
        let (report, found) = try report(segmenter(mirrored))
        let uncertain = try #require(found.uncertain)
        let validity = uncertain.validity()
        let stated = try #require(report.uncertainty)
        #expect(stated.samples == 4 && stated.validVoxels == validity.count { $0 == 1 } && stated.validVoxels == 64)
        #expect(report.options.mirror == [0, 2] && report.options.uncertainty == 0)
        #expect(report.uncertaintyMaps.map(\.kind) == UncertainPrediction.Quantity.allCases)
        for map in report.uncertaintyMaps {
            let values = uncertain.map(map.kind)
            #expect(values.allSatisfy(\.isFinite) && Double(values.max() ?? 0) == map.maximum, "\(map.kind)")
            #expect(zip(values, validity).allSatisfy { $1 == 1 || Double($0) == stated.valueOutside }, "\(map.kind)")
        }
        guard case .object(let uncertainty)? = try keys(report)["uncertainty"] else {
            Issue.record("no uncertainty in \(try report.json())")
            return
        }
        #expect(Set(uncertainty.keys) == ["samples", "mean_over_voxels", "valid_voxels", "value_outside"])
        #expect(uncertainty["value_outside"] == 0)
    }

    @Test func theScoreIsTheEntropyWhereForegroundMayBe() throws {
        let (report, found) = try report(segmenter(nil))
        let prediction = try #require(found.prediction)
        let entropies = stride(from: 1, to: prediction.values.count, by: prediction.channels).compactMap { voxel in
            let p = Double(prediction.values[voxel])
            return p > 0.05 ? -p * log(p) - (1 - p) * log(1 - p) : nil
        }
        let score = try #require(report.uncertaintyScore)
        #expect(abs(score - entropies.reduce(0, +) / Double(entropies.count)) < 1e-6)
    }

    @Test func filesAreNamedAfterTheScanAndThoseOfAnEarlierPredictionGo() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("seg-files-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let files = PredictionFiles(input: "/scans/ct.nrrd", folder: folder)
        #expect(files.stem == "ct" && files.mask == "\(folder)/ct_mask.nrrd")
        let scan = "\(folder)-scan.nrrd"
        defer { try? FileManager.default.removeItem(atPath: scan) }
        try ScanFile.write(Self.scan.voxels, size: Self.size, affine: Self.scan.affine, to: scan, overwrite: false)
        let geometry = try ScanFile.readVolume(scan).geometry
        func write(_ uncertainty: UncertaintyOptions?) throws -> UncertainPrediction.MapSummary? {
            let found = try segmenter(uncertainty)(Self.scan, name: "scan") { _, _ in }
            return try files.write(found, probabilities: true, like: geometry, size: Self.size, overwrite: true)
        }
        #expect(try write(mirrored)?.validVoxels == 64)
        var extras = PredictionFiles.Extras(probabilities: true, figure: false, report: false, uncertainty: true)
        func names() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder).map { "\(folder)/\($0)" }.sorted()
        }
        #expect(try names() == files.all(extras, labels: 1..<2).sorted())
        #expect(try write(nil) == nil)
        // An earlier model kept the numbers of label maps.
        try ScanFile.write(
            Self.scan.voxels, size: Self.size, like: geometry, to: files.probability(4000), overwrite: false)
        extras.uncertainty = false
        try files.removeAllBut(extras, labels: 1..<2)
        #expect(try names() == [files.mask, files.probability(1)])
    }
}
