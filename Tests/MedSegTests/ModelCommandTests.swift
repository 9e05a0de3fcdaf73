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

    /// A fault in the file is not reported as a wrong argument.
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

    /// Masks of regions are written as NIfTI with the statistics of each; features that need one class per voxel are
    /// refused with a message.
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
            (["--figure"], "--figure needs one class"), (["--uncertainty", "2"], "independent for each channel"),
            (["--mirror", "0"], "independent for each channel"), (["--format", "nrrd"], "--format nii.gz"),
        ] {
            let outcome = try Command.medseg(list: common + more)
            #expect(outcome.status != 0 && outcome.exited && outcome.message.contains(words), "\(outcome)")
        }
        let outcome = try Command.medseg(list: common + ["--report", "--probabilities"])
        #expect(
            outcome.status == 0 && outcome.output.contains("background ") && outcome.output.contains("ball "),
            "\(outcome)")
        let info = try Command.medseg("info", folder.file("out/ct_0_mask.nii.gz"))
        #expect(info.output.contains("18×16×14×2"), "\(info)")
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

/// Bundles with changes, and their conversions.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct BundleCommandTests {
    @Test func bundlesAreChangedDescribedAndConverted() throws {
        let data = try SmallDataset()
        let (model, bundle) = (try data.train(), data.folder.file("bundle"))
        #expect(try Command.medseg("export-bundle", model, bundle).status == 0)
        let plain = try Command.medseg("info", bundle)
        #expect(plain.status == 0 && plain.output.contains("windows      12×12×12 voxels"), "\(plain)")
        let changed = try Command.medseg(
            "info", bundle, "--bundle-set", "inferer::roi_size=[8, 8, 8]", "--bundle-set", "inferer::mode=gaussian")
        #expect(
            changed.output.contains("windows      8×8×8 voxels") && changed.output.contains("gaussian"), "\(changed)")
        try Data(#"{"inferer::overlap": 0.125}"#.utf8).write(to: URL(fileURLWithPath: bundle + "/configs/more.json"))
        let more = try Command.medseg(
            "info", bundle, "--bundle-config", "configs/inference.json", "--bundle-config", "configs/more.json")
        #expect(more.output.contains("overlap 0.125"), "\(more)")
        expectFailure(
            try Command.medseg("info", bundle, "--bundle-set", "nothing::here=1"), 65, "--bundle-set", "nothing")
        expectFailure(try Command.medseg("info", bundle, "--bundle-set", "inferer"), 64, "ID=VALUE")
        expectFailure(try Command.medseg("info", model, "--bundle-set", "a=1"), 64, "--bundle-set", "--bundle")
        expectFailure(try Command.medseg("info", bundle, data.image(0)), 64, "not both")
        let folder = data.folder.file("converted")
        let converted = try Command.medseg("convert", bundle, folder, "--bundle-set", "inferer::overlap=0.75")
        #expect(converted.status == 0, "\(converted)")
        let described = try Command.medseg("info", folder, "--json")
        #expect(described.output.contains("\"overlap\" : 0.75"), "\(described)")
        expectFailure(try Command.medseg("convert", bundle, folder), 74, folder, "--force")
        let masks = data.folder.file("masks")
        let predicted = try Command.medseg(
            "predict", data.image(0), "--bundle", bundle, "--bundle-set", "inferer::overlap=0.75", "--out", masks,
            "--device",
            "cpu")
        let again = try Command.medseg(
            "predict", data.image(0), "--model", folder, "--out", masks + "2", "--device", "cpu")
        #expect(predicted.status == 0 && again.status == 0, "\(predicted) \(again)")
        let files = [masks, masks + "2"].map { FileManager.default.contents(atPath: $0 + "/ct_0_mask.nii.gz") }
        #expect(files[0] != nil && files[0] == files[1])
        expectFailure(
            try Command.medseg("predict", data.image(0), "--model", model, "--bundle-set", "a=1", "--out", masks + "3"),
            64,
            "--bundle-set")
    }
}
