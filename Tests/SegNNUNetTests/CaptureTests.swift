import Foundation
import SegCPU
import SegCore
import SegImaging
import SegInference
import SegNNUNet
import SegWeights
import Testing

/// Real models of nnU-Net with its masks, beside the package, which a checkout may lack.
enum NNUNetCaptures {
    static let folder: String = {
        if let named = ProcessInfo.processInfo.environment["MEDSEG_SHARED"] { return named + "/nnunet" }
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return root.deletingLastPathComponent().appendingPathComponent("shared/nnunet").standardizedFileURL.path
    }()

    static var areThere: Bool { FileManager.default.fileExists(atPath: folder + "/aniso_ct/model") }
}

/// A model, its options, and the folder of nnU-Net's results.
struct CaptureCase: CustomTestStringConvertible, Sendable {
    let name: String
    let model: String
    let answers: String
    var channels = 1
    var folds: [String] = []
    var mirrors = true
    var previousMasks: String?

    var testDescription: String { "\(name)/\(answers)" }

    static let all = [
        CaptureCase(name: "aniso_ct", model: plain + "3d_fullres", answers: "3d_fullres/fold_0", folds: ["0"]),
        CaptureCase(
            name: "aniso_ct", model: plain + "3d_fullres", answers: "3d_fullres/fold_0_no_mirror", folds: ["0"],
            mirrors: false),
        CaptureCase(name: "aniso_ct", model: plain + "3d_fullres", answers: "3d_fullres/folds_0_1"),
        CaptureCase(name: "aniso_ct", model: plain + "2d", answers: "2d/fold_0"),
        CaptureCase(name: "aniso_ct", model: plain + "2d", answers: "2d/fold_0_no_mirror", mirrors: false),
        CaptureCase(
            name: "resenc_regions", model: "nnUNetTrainer__nnUNetResEncUNetMPlans__3d_fullres",
            answers: "3d_fullres/fold_0", channels: 2),
        CaptureCase(
            name: "resenc_regions", model: "nnUNetTrainer__nnUNetResEncUNetMPlans__3d_fullres",
            answers: "3d_fullres/fold_0_no_mirror", channels: 2, mirrors: false),
        CaptureCase(
            name: "totalseg_like", model: "nnUNetTrainerNoMirroring__nnUNetPlans__3d_fullres",
            answers: "3d_fullres/fold_0"),
        CaptureCase(name: "cascade", model: plain + "3d_lowres", answers: "3d_lowres/fold_all"),
        CaptureCase(
            name: "cascade", model: plain + "3d_lowres", answers: "3d_lowres/fold_all_no_mirror", mirrors: false),
        CaptureCase(name: "cascade", model: plain + "3d_cascade_fullres", answers: "3d_cascade_fullres/fold_all"),
        CaptureCase(
            name: "cascade", model: plain + "3d_cascade_fullres", answers: "3d_cascade_fullres/fold_all_no_mirror",
            mirrors: false, previousMasks: "3d_lowres/fold_all"),
    ]

    private static let plain = "nnUNetTrainer__nnUNetPlans__"

    func folder() throws -> NNUNetFolder {
        var choice = NNUNetFolder.Choice()
        choice.folds = folds
        choice.mirrors = mirrors
        choice.previousMasks = previousMasks.map { "\(NNUNetCaptures.folder)/\(name)/\($0)" }
        return try NNUNetFolder("\(NNUNetCaptures.folder)/\(name)/model/\(model)", choice)
    }

    /// The scans with a result of nnU-Net, with their files.
    func scans() throws -> [(name: String, files: [String])] {
        let answers = try FileManager.default.contentsOfDirectory(atPath: "\(NNUNetCaptures.folder)/\(name)/\(answers)")
        return answers.filter { $0.hasSuffix(".nii.gz") }.sorted().map { file in
            let scan = String(file.dropLast(".nii.gz".count))
            return (scan, (0..<channels).map { "\(NNUNetCaptures.folder)/\(name)/images/\(scan)_000\($0).nii.gz" })
        }
    }
}

/// Float16 decides ties in nnU-Net; at most 10 voxels of a mask differ here.
@Test(.enabled(if: NNUNetCaptures.areThere, "shared/nnunet is not beside the package"), arguments: CaptureCase.all)
func masksAreNNUNets(_ item: CaptureCase) throws {
    let segmenter = Segmenter(
        try Ensemble([item.folder().predictor(on: try CPUBackend(threads: nil))]), uncertainty: nil)
    for (scan, files) in try item.scans() {
        let image = try ScanFile.readImage(files) { _, _ in }.image
        let found = try segmenter(image, name: files[0]) { _, _ in }
        let answer = "\(NNUNetCaptures.folder)/\(item.name)/\(item.answers)/\(scan).nii.gz"
        let expected = try ScanFile.readVolume(answer).volume.voxels.map { UInt8($0) }
        #expect(found.isOnScan)
        #expect(zip(found.mask, expected).count { $0 != $1 } <= 10, "\(scan)")
    }
}

/// Compares the network's input and output with nnU-Net's own arrays.
@Test(.enabled(if: NNUNetCaptures.areThere, "shared/nnunet is not beside the package"), arguments: CaptureCase.all)
func stagesAreNNUNets(_ item: CaptureCase) throws {
    let folder = try item.folder()
    let predictor = try folder.predictor(on: try CPUBackend(threads: nil))
    for (scan, files) in try item.scans() {
        let path = "\(NNUNetCaptures.folder)/\(item.name)/\(item.answers)/\(scan).safetensors"
        guard FileManager.default.fileExists(atPath: path) else { continue }
        let arrays = try Weights.read(path).tensors
        let image = try ScanFile.readImage(files) { _, _ in }.image
        if let expected = arrays["preprocessed"]?.floats() {
            let prepared = try folder.description.preprocessing(image, name: scan).image
            let ours = prepared.channels.flatMap { $0 }
            #expect(zip(ours, expected).map { abs($0 - $1) }.max() ?? 1 <= 1e-5)
        }
        guard let expected = arrays["logits_float"]?.floats() else { continue }
        let prediction = try predictor.predict(image, name: scan) { _, _ in }
        // Channels are the last axis here, and the first in the capture.
        let (count, channels) = (prediction.record.networkSize.count, prediction.channels)
        #expect(expected.count == count * channels)
        let worst = (0..<min(expected.count, count * channels)).map { place in
            abs(prediction.values[place % count * channels + place / count] - expected[place])
        }.max()
        #expect(worst ?? 1 <= 1e-4)
    }
}
