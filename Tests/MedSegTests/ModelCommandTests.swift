import Foundation
import SegTestNeeds
import Testing

/// Commands about a model's description and weights.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct ModelCommandTests {
    private let folder: ScratchFolder

    init() throws { folder = try ScratchFolder() }

    private func description(roiSize: String) throws -> String {
        let text = """
            {"network_def": {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
            "channels": [4, 8, 16], "strides": [2, 2]}, "preprocessing": {}, "roi_size": \(roiSize), "labels": {"1": "a"}}
            """
        return try folder.write(Array(text.utf8), as: "model.json")
    }

    /// What is wrong in the file is no wrong argument.
    @Test func summariesOfWrongExtents() throws {
        for roiSize in ["[0, 8, 8]", "[8, 8]", "[8, 8, 10]"] {
            let file = try description(roiSize: roiSize)
            expectFailure(try Command.medseg("summary", file), 65, file, "roi_size")
            expectFailure(try Command.medseg("summary", file, "--size", "8,8"), 64, "--size 8,8")
            expectFailure(try Command.medseg("summary", file, "--size", "10"), 64, "--size 10", "does not suit")
        }
        let outcome = try Command.medseg("summary", description(roiSize: "[8, 8, 8]"))
        #expect(outcome.status == 0, "\(outcome)")
    }

    @Test func incompleteONNXIsRefusedAtTheStart() throws {
        expectFailure(
            try Command.medseg("convert", "nowhere", folder.file("model.onnx"), "--allow-mismatch"), 64,
            "--allow-mismatch", ".onnx")
    }

    /// Masks of regions are written as NIfTI with the statistics of each; what needs one class a voxel says so.
    @Test func regionsAreWrittenOrRefused() throws {
        let data = try SmallDataset()
        let model = try data.train()
        let text = try String(contentsOfFile: model + "/model.json", encoding: .utf8)
        let steps = #"""
            "postprocessing": [{"_target_": "Activations", "sigmoid": true},
            {"_target_": "Invert", "nearest_interp": false}, {"_target_": "AsDiscrete", "threshold": 0.5}], "labels"
            """#
        try text.replacing("\"labels\"", with: steps).write(
            toFile: model + "/model.json", atomically: true, encoding: .utf8)
        let common = ["predict", data.image(0), "--model", model, "--device", "cpu", "--out", folder.file("out")]
        for (more, words) in [
            (["--figure"], "--figure needs one class"), (["--uncertainty", "2"], "each channel by itself"),
            (["--mirror", "0"], "each channel by itself"), (["--format", "nrrd"], "--format nii.gz"),
        ] {
            let outcome = try Command.medseg(list: common + more)
            #expect(outcome.status != 0 && outcome.exited && outcome.message.contains(words), "\(outcome)")
        }
        let outcome = try Command.medseg(list: common + ["--report", "--probabilities"])
        #expect(
            outcome.status == 0 && outcome.output.contains("background ") && outcome.output.contains("ball "),
            "\(outcome)")
        let info = try Command.medseg("info", folder.file("out/ct_0_mask.nii.gz"))
        #expect(info.output.contains("18 x 16 x 14 x 2"), "\(info)")
        #expect(FileManager.default.fileExists(atPath: folder.file("out/ct_0_probability_0.nii.gz")))
        let report = try String(contentsOfFile: folder.file("out/ct_0_report.json"), encoding: .utf8)
        #expect(report.contains("\"regions\" : true"))
        let evaluated = try Command.medseg(
            "evaluate", "--data", data.folder.path, "--model", model, "--out", folder.file("metrics.json"), "--device",
            "cpu")
        #expect(evaluated.status != 0 && evaluated.message.contains("an evaluation needs one class"), "\(evaluated)")
    }

    @Test func exportsSayWhatTheyLeaveOut() throws {
        let data = try SmallDataset()
        let model = try data.train()
        let text = try String(contentsOfFile: model + "/model.json", encoding: .utf8)
        let plain = try Command.medseg("export-bundle", model, folder.file("plain"))
        #expect(plain.status == 0 && !plain.errors.contains("postprocessing"), "\(plain)")
        try text.replacing("\"labels\"", with: "\"postprocessing\": {\"fill_holes\": true}, \"labels\"")
            .write(toFile: model + "/model.json", atomically: true, encoding: .utf8)
        let outcome = try Command.medseg("export-bundle", model, folder.file("bundle"))
        #expect(outcome.status == 0 && outcome.errors.contains("(fill_holes) is not part of the bundle"), "\(outcome)")
        #expect(FileManager.default.fileExists(atPath: folder.file("bundle/models/model.pt")))
        let readme = try String(contentsOfFile: folder.file("bundle/docs/README.md"), encoding: .utf8)
        #expect(readme.contains("(fill_holes) is not part of the bundle"))
    }
}
