import Foundation
import SegMetrics
import Testing

/// Metric cases recorded from MONAI, found beside the package where they are there.
private enum Captures {
    static let files: [URL] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let shared =
            ProcessInfo.processInfo.environment["MEDSEG_SHARED"].map { URL(fileURLWithPath: $0) }
            ?? root.deletingLastPathComponent().appendingPathComponent("shared")
        let folder = shared.appendingPathComponent("captures/metrics")
        let found = try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return (found ?? []).filter { $0.pathExtension == "safetensors" }.sorted { $0.path < $1.path }
    }()
}

private struct Capture: Decodable {
    struct Parameters: Decodable {
        var spacing: [Double]
        var percentile: Double
        var surface_dice_tolerance_mm: Double
    }
    var params: Parameters
}

@Suite struct CaptureReplayTests {
    @Test(.enabled(if: !Captures.files.isEmpty, "no captures beside the package"))
    func everyCapturedCaseIsReproduced() throws {
        for url in Captures.files {
            try replay(url)
        }
    }

    private func replay(_ url: URL) throws {
        let name = url.lastPathComponent
        let file = try SafetensorsFile(url)
        let capture = try JSONDecoder().decode(Capture.self, from: Data((file.metadata["capture"] ?? "").utf8))
        let metrics = try SegmentationMetrics(
            prediction: file.bytes("in.prediction"), reference: file.bytes("in.reference"), label: 1,
            grid: MaskGrid(size: file.shape("in.prediction"), spacingMM: capture.params.spacing),
            options: MetricOptions(
                surfaceDiceToleranceMM: capture.params.surface_dice_tolerance_mm,
                hausdorffPercentile: capture.params.percentile))
        let counts = metrics.counts
        let ours = [counts.truePositives, counts.falsePositives, counts.trueNegatives, counts.falseNegatives]
        #expect(ours.map(Double.init) == file.floats("out.confusion_tp_fp_tn_fn"), "\(name)")
        let monai = metrics.monai
        let pairs = [
            ("dice", monai.dice), ("iou", monai.iou), ("hausdorff", monai.hausdorffMM),
            ("hausdorff95", monai.hausdorffPercentileMM),
            ("average_surface_distance", monai.averageSurfaceDistanceMM), ("surface_dice", monai.surfaceDice),
        ]
        for (key, value) in pairs {
            let theirs = try #require(file.floats("out.\(key)").first, "\(name) lacks \(key)")
            #expect(agree(value, theirs), "\(name) \(key): \(value), MONAI \(theirs)")
        }
    }

    /// 1e-6 of the value, and the same NaN or infinity.
    private func agree(_ a: Double, _ b: Double) -> Bool {
        if a.isNaN || b.isNaN { return a.isNaN && b.isNaN }
        return a == b || abs(a - b) <= 1e-6 * max(1, abs(b))
    }
}
