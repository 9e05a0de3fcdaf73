import Foundation
import SegCore
import SegInference
import SegNNUNet
import SegWeights
import Testing

/// Compares folders that are written for nnU-Net with those that nnU-Net wrote.
@Test(
    .enabled(if: NNUNetCaptures.areThere, "shared/nnunet is not beside the package"),
    arguments: [
        ("aniso_ct", "nnUNetTrainer__nnUNetPlans__3d_fullres", "3d_fullres"),
        ("aniso_ct", "nnUNetTrainer__nnUNetPlans__2d", "2d"),
        ("resenc_regions", "nnUNetTrainer__nnUNetResEncUNetMPlans__3d_fullres", "3d_fullres"),
    ])
func aFoldIsWrittenAsNNUNetWritesIt(_ name: String, _ model: String, _ configuration: String) throws {
    let folder = "\(NNUNetCaptures.folder)/\(name)/model/\(model)"
    let theirs = "\(folder)/fold_0/checkpoint_final.pth"
    let results = FileManager.default.temporaryDirectory.path + "/results-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: results) }
    let parameters = try NNUNetFolder(folder).weights(of: theirs).tensors.sorted { $0.key < $1.key }.map {
        name, values in
        NNUNetTrained.Parameter(
            name: name, values: values,
            momentum: name.contains("seg_layers.0.")
                ? StoredTensor([Float](repeating: 0, count: values.count), shape: values.shape) : values)
    }
    let epochs = [0.5, 0.7, nil].enumerated().map { number, dice in
        NNUNetTrained.Epoch(
            loss: 1, learningRate: 0.01, dice: dice, classes: [dice],
            seconds: Double(number)...Double(number + 1))
    }
    let trained = NNUNetTrained(
        parameters: parameters, epochs: epochs, plannedEpochs: 1000, isFinished: false,
        descent: (0.01, 0.99, 3e-5), mirrorAxes: [0, 1])
    let origin = NNUNetOrigin(
        plans: "\(folder)/plans.json", dataset: "\(folder)/dataset.json", configuration: configuration, fold: "0")
    let fold = try NNUNetExport(origin).write(trained, to: results)
    #expect(fold.hasSuffix("\(model)/fold_0"))
    let ours = "\(fold)/checkpoint_latest.pth"
    // Existing files stay.
    let foreign = try #require(throws: DataError.self) { try NNUNetExport(origin).write(trained, to: results) }
    #expect(foreign.message.contains("was not written by this run"), "\(foreign)")
    #expect(throws: DataError.self) { try NNUNetExport(origin).modelFolder(in: results, epochs: 3) }
    #expect(try NNUNetExport(origin).modelFolder(in: results, epochs: 5).contains("nnUNetTrainer_5epochs__"))
    // Every name, aliases included, with the same array.
    let (own, wanted) = (
        try Weights.read(ours, .named("network_weights")).tensors,
        try Weights.read(theirs, .named("network_weights")).tensors
    )
    #expect(Set(own.keys) == Set(wanted.keys))
    for (key, tensor) in wanted {
        #expect(own[key]?.shape == tensor.shape && own[key]?.bytes == tensor.bytes, "\(key)")
    }
    let keys = [
        "trainer_name", "current_epoch", "inference_allowed_mirroring_axes", "init_args", "_best_ema", "logging",
    ]
    let entries = try Weights.configurations(keys, in: ours)
    #expect(entries["trainer_name"] == "nnUNetTrainer" && entries["current_epoch"] == 3)
    #expect(entries["inference_allowed_mirroring_axes"] == [0, 1])
    // 0.9 · 0.5 + 0.1 · 0.7
    guard case .double(let best)? = entries["_best_ema"] else {
        Issue.record("no best average")
        return
    }
    #expect(abs(best - 0.52) < 1e-12)
    guard case .object(let arguments)? = entries["init_args"] else {
        Issue.record("no arguments")
        return
    }
    #expect(arguments["configuration"] == .string(configuration) && arguments["fold"] == 0)
    #expect(try arguments["plans"] == ConfigValue(jsonFile: "\(folder)/plans.json"))
    // It opens like any folder of nnU-Net.
    var choice = NNUNetFolder.Choice()
    choice.checkpoint = "latest"
    let opened = try NNUNetFolder(
        results + "/" + (fold as NSString).pathComponents.suffix(3).prefix(2).joined(separator: "/"), choice)
    #expect(opened.description.mirrorAxes == (configuration == "2d" ? [1, 2] : [0, 1]))
    // A model with other plans does not replace it.
    try Data("{}".utf8).write(to: URL(fileURLWithPath: opened.folder + "/plans.json"))
    let error = try #require(throws: DataError.self) { try NNUNetExport(origin).write(trained, to: results) }
    #expect(error.message.contains("is of other plans"), "\(error)")
}
