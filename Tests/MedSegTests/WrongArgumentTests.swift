import Foundation
import SegModels
import SegTestNeeds
import Testing

/// Invalid arguments, configurations and models give one sentence that says what to change.
@Suite(.needs("A build of medseg and medseg-bench") { Command.areBuilt }) struct WrongArgumentTests {
    private let data: SmallDataset

    init() throws { data = try SmallDataset() }

    private func train(_ old: String, _ new: String) throws -> Command.Outcome {
        let config = try data.config(replacing: old, with: new)
        return try Command.medseg("train", config, "--out", data.folder.file("new"), "--quiet")
    }

    @Test func configurations() throws {
        let file = data.folder.file("changed.yaml")
        expectFailure(try train("validate_every", "validate_evry"), 65, file, "validate_evry", "'validate_every'")
        expectFailure(try train("iterations: 10", "iteration: 10"), 65, file, "iterations", "'iteration'")
        expectFailure(try train("data: .", "data: .\nweather: fine"), 65, file, "weather", "known here")
        expectFailure(try train("a_min", "amin"), 65, file, "preprocessing.intensity.a_min", "'amin'")
        expectFailure(
            try train("num_res_units: 1", "num_res_unit: 1"), 65, "network_def.num_res_unit", "'num_res_units'")
        expectFailure(try train("strides: [2]", "strides: [2, 2]"), 65, file, "network_def.strides", "not 2")
        expectFailure(try train("spatial_dims: 3", "spatial_dims: 2"), 65, file, "roi_size", "spatial_dims 2")
        expectFailure(try train("[4, 8]", "[90000000000, 8]"), 65, "network_def.channels", "90000000000")
        expectFailure(try train("[4, 8]", "[65536, 65536]\n  kernel_size: 7"), 70, "GiB of memory", "free")
        expectFailure(try train("strides: [2]", "strides: [2]\n  kernel_size: 999999999"), 65, "kernel_size")
        expectFailure(try train("num_res_units: 1", "num_res_units: 99999999"), 65, "num_res_units")
        expectFailure(try train("nets.UNet", "nets.UNetPlus"), 65, "UNetPlus", "monai.networks.nets.UNet")
        expectFailure(try train("in_channels: 1", "in_channels: 2"), 65, "1 channel", "network_def.in_channels is 2")
        expectFailure(try train("[12, 12, 12]", "[12, 12, 11]"), 65, file, "roi_size", "12×12×11", "2×2×2")
        expectFailure(try train("[ct_2]", "[ct_9]"), 65, "ct_9", "ct_0, ct_1, ct_2")
        expectFailure(try train("[ct_2]", "[ct_0, ct_1, ct_2]"), 65, "no cases to train on")
        expectFailure(try train("out_channels: 2", "out_channels: 1"), 65, "loss", "sigmoid")
        expectFailure(try train("data: .", "data: nowhere"), 66, "nowhere")
        expectFailure(try train("[4, 8]", "[4, 8"), 65, file, "YAML", "line")
        expectFailure(try train("data: .", "data: .\ndata: ."), 65, file, "'data'", "twice")
        expectFailure(try train(SmallDataset.yaml, ""), 65, file)
        #expect(!data.folder.files.contains { $0.hasPrefix("new/") })
    }

    @Test func changesOnTheCommandLine() throws {
        func change(_ text: String) throws -> Command.Outcome {
            try Command.medseg("train", data.config, "--out", data.folder.file("new"), "--quiet", "--set", text)
        }
        expectFailure(try change("iterations"), 64, "key=value", "'iterations'")
        expectFailure(try change("=3"), 64, "key=value")
        expectFailure(try change("iterations=[1"), 64, "'[1'")
        expectFailure(try change("iterations=many"), 65, "iterations", "many")
        expectFailure(try change("optimizer.learning_rat=1"), 65, "optimizer.learning_rat", "'learning_rate'")
        expectFailure(try change("seed.more=1"), 65, "seed")
    }

    @Test func optionsAndDevices() throws {
        let scan = data.image(0)
        let out = data.folder.file("out")
        expectFailure(try Command.medseg("predict", scan, "--out", out), 64, "--model", "--weights")
        expectFailure(
            try Command.medseg("train", data.config, "--out", out, "--device", "gpu9"), 69, "'gpu9'", "cpu")
        expectFailure(try Command.medseg("train", data.config, "--out", out, "--threads", "0"), 64, "--threads", "'0'")
        expectFailure(try Command.medseg("devices", environment: ["MEDSEG_THREADS": "two"]), 64, "MEDSEG_THREADS")
        expectFailure(try Command.medseg("train", data.config, "--out", out, "--max-memory", "1Q"), 64, "'1Q'")
        expectFailure(try Command.medseg("evaluate"), 64, "--data")
        expectFailure(try Command.medseg("evaluate", "--tolerance", "nan"), 64, "--tolerance")
        expectFailure(try Command.medseg("predict", scan, scan, "--model", "m", "--out", out), 64, scan, "ct_0_")
        expectFailure(try Command.medseg("train"), 64, "--resume")
        for arguments in [["frobnicate"], ["devices", "--threads", "x"], ["info"], ["devices", "--jsn"]] {
            let outcome = try Command.medseg(list: arguments)
            #expect(outcome.status == 64 && outcome.errors.contains("Usage:"), "\(outcome)")
        }
        expectFailure(try Command.medseg("help", "trian"), 64, "'trian' is not a command of medseg", "'train'")
        expectFailure(try Command.medseg("help", "data", "foo"), 64, "'foo' is not a command of medseg data", "import")
        #expect(try Command.medseg("help", "data", "import").status == 0)
        #expect(!FileManager.default.fileExists(atPath: out))
    }

    @Test func missingFiles() throws {
        let out = data.folder.file("out")
        let model = try data.train()
        let gone = data.folder.file("gone")
        expectFailure(try Command.medseg("train", gone + ".yaml", "--out", out), 66, gone + ".yaml")
        expectFailure(try Command.medseg("predict", gone + ".nii", "--model", model, "--out", out), 66, gone + ".nii")
        expectFailure(try Command.medseg("predict", data.image(0), "--model", gone, "--out", out), 66, gone)
        expectFailure(try Command.medseg("evaluate", "--data", gone, "--model", model), 66, gone)
        expectFailure(try Command.medseg("evaluate", "--data", data.folder.path, "--model", gone), 66, gone)
        expectFailure(
            try Command.medseg("evaluate", "--prediction", gone, "--reference", data.label(0)), 66, gone)
        expectFailure(try Command.medseg("convert", gone, out + ".safetensors"), 66, gone)
        expectFailure(try Command.medseg("info", gone), 66, gone)
        try FileManager.default.removeItem(atPath: model + "/model.safetensors")
        expectFailure(
            try Command.medseg("predict", data.image(0), "--model", model, "--out", out), 66, "model.safetensors",
            "No such file")
        try FileManager.default.removeItem(atPath: data.image(1))
        expectFailure(try Command.medseg("train", data.config, "--out", out), 66, data.image(1), "dataset.json")
        #expect(!data.folder.files.contains { $0.hasPrefix("out") })
    }

    @Test func modelsThatDoNotFit() throws {
        let model = try data.train()
        let (weights, description) = (model + "/model.safetensors", model + "/model.json")
        let text = try String(contentsOfFile: description, encoding: .utf8)
        func predict(_ text: String) throws -> Command.Outcome {
            let file = try data.folder.write(Array(text.utf8), as: "other.json")
            return try Command.medseg(
                "predict", data.image(0), "--weights", weights, "--network", file, "--out", data.folder.file("out"))
        }
        let wider = text.replacing(/"channels"\s*:\s*\[\s*4,/, with: #""channels": [6,"#)
        #expect(wider != text)
        let shapes = try predict(wider)
        expectFailure(shapes, 65, weights, "shapes differ", "model.", "[4, 1, 3, 3, 3]", "[6, 1, 3, 3, 3]")
        let deeper = text.replacing(/"num_res_units"\s*:\s*1/, with: #""num_res_units": 2"#)
        expectFailure(try predict(deeper), 65, weights, "in the network but not in the file", "unit1")
        expectFailure(try predict(String(text.dropLast(20))), 65, "other.json", "JSON")
        expectFailure(try predict(""), 65, "other.json", "empty")
        expectFailure(
            try predict(text.replacing("roi_size", with: "roy_size")), 65, "other.json", "roi_size", "'roy_size'")
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: weights)))
        for (name, broken) in [
            ("cut", bytes.prefix(bytes.count - 9)), ("head", bytes.prefix(5)), ("text", bytes[8...]),
        ] {
            let file = try data.folder.write(broken, as: name + ".safetensors")
            let outcome = try Command.medseg(
                "predict", data.image(0), "--weights", file, "--network", description, "--out", data.folder.file("out"))
            expectFailure(outcome, 65, file)
            expectFailure(try Command.medseg("convert", file, data.folder.file("copy.safetensors")), 65, file)
        }
        expectFailure(
            try Command.medseg(
                "convert", weights, data.folder.file("copy.safetensors"), "--network",
                try data.folder.write(Array(wider.utf8), as: "wide.json")), 65, weights, "shapes differ")
        #expect(!data.folder.files.contains { $0.hasPrefix("out") || $0.hasPrefix("copy") })
    }
}
