import Foundation
import SegCore
import SegImaging
import SegModels
import SegTestNeeds
import Testing

/// `predict` and `evaluate` with uncertainty, post-processing and reports, with a user's commands.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct UncertaintyCommandTests {
    /// Trains a model for two steps with the given dropout.
    private func train(_ data: SmallDataset, dropout: Double, seed: Int = 0, name: String = "run") throws -> String {
        let run = try Command.medseg(
            "train", data.config, "--out", data.folder.file(name), "--set", "iterations=2", "--set",
            "network_def.dropout=\(dropout)", "--set", "seed=\(seed)", "--quiet", "--device", "cpu")
        #expect(run.status == 0, "\(run.errors)")
        return data.folder.file(name + "/model")
    }

    private func object(_ text: String) throws -> [String: ConfigValue] {
        guard case .object(let entries) = try JSONDecoder().decode(ConfigValue.self, from: Data(text.utf8)) else {
            throw CocoaError(.coderReadCorrupt)
        }
        return entries
    }

    @Test func passesGiveMapsWithTheScansGeometry() throws {
        let data = try SmallDataset()
        let model = try train(data, dropout: 0.3)
        let out = data.folder.file("out")
        func predict(_ out: String, _ more: String...) throws -> Command.Outcome {
            try Command.medseg(
                list: ["predict", data.image(0), "--model", model, "--out", out, "-q", "--device", "cpu"] + more)
        }
        let outcome = try predict(out, "--uncertainty", "3", "--figure", "--report")
        #expect(outcome.status == 0 && outcome.output.contains("3 samples"), "\(outcome.errors)")
        let maps = ["entropy", "mean", "mutual_information", "validity", "variance"]
        let expected =
            ["ct_0_mask.nii.gz", "ct_0_overlay.png", "ct_0_report.json", "ct_0_uncertainty.png"]
            + maps.map { "ct_0_uncertainty_\($0).nii.gz" } + ["report.csv"]
        #expect(try FileManager.default.contentsOfDirectory(atPath: out).sorted() == expected)
        for map in maps {
            let volume = try ScanFile.readVolume("\(out)/ct_0_uncertainty_\(map).nii.gz").volume
            #expect(volume.size == SmallDataset.size)
            #expect(zip(volume.affine.elements, SmallDataset.affine.elements).allSatisfy { abs($0 - $1) < 1e-6 })
            #expect(volume.voxels.contains { $0 > 0 })
        }
        let report = try object(String(contentsOfFile: out + "/ct_0_report.json", encoding: .utf8))
        #expect(report["scan"] == "ct_0" && report["model"] == .string(model))
        let valid = try ScanFile.readVolume("\(out)/ct_0_uncertainty_validity.nii.gz").volume.voxels.count { $0 == 1 }
        guard case .object(let uncertainty)? = report["uncertainty"], case .array(let labels)? = report["labels"],
            case .object(let ball)? = labels.first
        else {
            Issue.record("\(report)")
            return
        }
        #expect(uncertainty["samples"] == 3 && uncertainty["valid_voxels"] == .int(valid))
        #expect(uncertainty["value_outside"] == 0 && ball["name"] == "ball" && ball["volume_ml"] != nil)
        let lines = try String(contentsOfFile: out + "/report.csv", encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2 && lines[1].hasPrefix("ct_0,1,ball,"))

        // The same seed gives the same result, another seed does not.
        let names = ["same", "other"].map { data.folder.file($0) }
        #expect(try predict(names[0], "--uncertainty", "3", "--seed", "0").status == 0)
        #expect(try predict(names[1], "--uncertainty", "3", "--seed", "1").status == 0)
        let variances = try ([out] + names).map {
            try ScanFile.readVolume($0 + "/ct_0_uncertainty_variance.nii.gz").volume.voxels
        }
        #expect(variances[0] == variances[1] && variances[0] != variances[2])
        // Without a number there are ten passes.
        let ten = try predict(data.folder.file("ten"), "--uncertainty")
        #expect(ten.status == 0 && ten.output.contains("10 samples"), "\(ten.errors)")
        #expect(try predict(out, "--uncertainty").status == 74)
    }

    @Test func whatCannotVaryIsAnErrorThatSaysWhy() throws {
        let data = try SmallDataset()
        let model = try train(data, dropout: 0)
        let out = data.folder.file("out")
        func predict(_ more: String...) throws -> Command.Outcome {
            try Command.medseg(list: ["predict", data.image(0), "--model", model, "--out", out, "-q"] + more)
        }
        let refused = try predict("--uncertainty", "5")
        #expect(refused.status == 65 && refused.message.contains("no active dropout"), "\(refused.errors)")
        #expect(!FileManager.default.fileExists(atPath: out))
        #expect(try predict("--uncertainty", "0").status == 64)
        #expect(try predict("--mirror", "0,3").status == 64)
        #expect(try predict("--connectivity", "7").status == 64)
        #expect(try predict("--min-volume", "-1").status == 64)
        let mirrored = try predict("--mirror", "0,1", "--force")
        #expect(mirrored.status == 0 && mirrored.output.contains("4 samples"), "\(mirrored.errors)")
        let allowed = try predict("--uncertainty", "2", "--allow-zero-variance", "--force")
        #expect(allowed.status == 0, "\(allowed.errors)")
        let other = try train(data, dropout: 0, seed: 7, name: "other")
        let ensemble = try predict("--model", other, "--force")
        #expect(ensemble.status == 0 && ensemble.output.contains("2 samples"), "\(ensemble.errors)")
        let twice = try predict("--model", model, "--force")
        #expect(twice.status == 65 && twice.message.contains("exactly 0"), "\(twice.errors)")
    }

    @Test func smallPiecesAreDroppedAsTheModelOrTheUserSays() throws {
        let data = try SmallDataset()
        let model = try train(data, dropout: 0)
        func voxels(_ name: String, _ more: String...) throws -> Int {
            let out = data.folder.file(name)
            let outcome = try Command.medseg(
                list: ["predict", data.image(0), "--model", model, "--out", out, "-q"] + more)
            #expect(outcome.status == 0, "\(outcome.errors)")
            return try ScanFile.readVolume(out + "/ct_0_mask.nii.gz").volume.voxels.count { $0 > 0 }
        }
        let all = try voxels("all")
        try #require(all > 0)
        #expect(try voxels("none", "--min-volume", "1000") == 0)
        #expect(try voxels("one", "--largest-component", "--connectivity", "6") <= all)
        // The same steps in the model's description.
        var description = try object(String(contentsOfFile: model + "/model.json", encoding: .utf8))
        description["postprocessing"] = ["min_volume_ml": 1000]
        try Data(JSONEncoder().encode(ConfigValue.object(description))).write(
            to: URL(fileURLWithPath: model + "/model.json"))
        #expect(try voxels("described") == 0)
    }

    @Test func evaluationMeasuresCalibration() throws {
        let data = try SmallDataset()
        let model = try train(data, dropout: 0.3)
        let (metrics, figure) = (data.folder.file("metrics.json"), data.folder.file("calibration.png"))
        let outcome = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--model", model, "--uncertainty", "2", "-q", "--out", metrics,
            "--calibration-figure", figure)
        #expect(outcome.status == 0 && outcome.output.contains("ECE"), "\(outcome.errors)")
        #expect(outcome.output.contains("mutual information"))
        #expect(FileManager.default.fileExists(atPath: figure))
        guard case .object(let study)? = try object(String(contentsOfFile: metrics, encoding: .utf8))["calibration"],
            case .array(let cases)? = study["cases"], case .array(let bins)? = study["reliability"],
            case .double(let error)? = study["expected_calibration_error"]
        else {
            Issue.record("no calibration in \(metrics)")
            return
        }
        #expect(cases.count == 3 && bins.count == 15 && (0...1).contains(error))
        let masks = try Command.medseg(
            "evaluate", "--prediction", data.label(0), "--reference", data.label(0), "--uncertainty", "2")
        #expect(masks.status == 64)
    }
}
