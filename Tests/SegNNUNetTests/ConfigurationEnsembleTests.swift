import Foundation
import SegCPU
import SegCore
import SegImaging
import SegInference
import SegNNUNet
import Testing

/// Ensembles of nnU-Net's configurations, whose probabilities are averaged on the scan's grid.
@Suite(.enabled(if: NNUNetCaptures.areThere, "shared/nnunet is not beside the package"))
struct ConfigurationEnsembleTests {
    private static let folder = NNUNetCaptures.folder
    private static let scan = "\(folder)/aniso_ct/images/test_00_0000.nii.gz"

    private func predictor(_ name: String, on backend: CPUBackend) throws -> Predictor {
        var choice = NNUNetFolder.Choice()
        (choice.folds, choice.mirrors) = (["0"], false)
        return try NNUNetFolder("\(Self.folder)/\(name)", choice).predictor(on: backend)
    }

    /// The mask equals the classes of the mean of both models' probability maps, each restored separately.
    @Test func theMaskIsThatOfTheMeanProbabilities() throws {
        let backend = try CPUBackend(threads: nil)
        let names = ["2d", "3d_fullres"].map { "aniso_ct/model/nnUNetTrainer__nnUNetPlans__\($0)" }
        let models = try names.map { try predictor($0, on: backend) }
        let image = try ScanFile.readImage([Self.scan]) { _, _ in }.image
        let found = try Segmenter(Ensemble(configurations: models, names: names))(image, name: Self.scan)
        let maps = try models.map { model in
            let prediction = try model.predict(image, name: Self.scan) { _, _ in }
            return (0..<model.classes).map { prediction.probability(of: $0) }
        }
        let expected = (0..<image.size.count).map { voxel -> UInt8 in
            let means = maps[0].indices.map { (maps[0][$0][voxel] + maps[1][$0][voxel]) / 2 }
            return UInt8(means.indices.reduce(0) { means[$1] > means[$0] ? $1 : $0 })
        }
        #expect(found.isOnScan && zip(found.mask, expected).count { $0 != $1 } <= 2)
        let alone = try models.map { try Segmenter(Ensemble([$0]))(image, name: Self.scan).mask }
        #expect(found.mask != alone[0] && found.mask != alone[1], "neither model decides alone")
        // A model averaged with itself gives its own mask. Different outputs may be rounded to equal probabilities.
        let twice = try Segmenter(Ensemble(configurations: [models[1], models[1]], names: names))(
            image, name: Self.scan)
        #expect(zip(twice.mask, alone[1]).count { $0 != $1 } <= 2)
    }

    @Test func othersAreRefusedByName() throws {
        let backend = try CPUBackend(threads: 1)
        let names = [
            "aniso_ct/model/nnUNetTrainer__nnUNetPlans__2d",
            "totalseg_like/model/nnUNetTrainerNoMirroring__nnUNetPlans__3d_fullres",
            "resenc_regions/model/nnUNetTrainer__nnUNetResEncUNetMPlans__3d_fullres",
        ]
        let models = try names.map { try predictor($0, on: backend) }
        let error = try #require(throws: InferenceError.self) { try Ensemble(configurations: models, names: names) }
        let text = "\(error)"
        #expect(text.contains("\(names[1]) differs from \(names[0]) in its labels"), "\(text)")
        #expect(text.contains("\(names[2]) differs from \(names[0]) in the channels of a scan"), "\(text)")
        #expect(text.contains("\(names[2]) differs from \(names[0]) in the steps of its mask"), "\(text)")
    }

    @Test func whatAnEnsembleDoesNotKeepIsRefused() throws {
        let backend = try CPUBackend(threads: 1)
        let model = try predictor("aniso_ct/model/nnUNetTrainer__nnUNetPlans__2d", on: backend)
        let image = try ScanFile.readImage([Self.scan]) { _, _ in }.image
        let ensemble = try Ensemble(configurations: [model, model], names: ["a", "b"])
        var segmenter = Segmenter(ensemble)
        segmenter.keepsPrediction = true
        #expect(throws: InferenceError.self) { try segmenter(image, name: "scan") }
        var options = UncertaintyOptions()
        options.mirroredAxes = [0]
        #expect(throws: InferenceError.self) { try Segmenter(ensemble, uncertainty: options)(image, name: "scan") }
    }
}
