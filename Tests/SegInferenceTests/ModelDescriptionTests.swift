import Foundation
import SegBackend
import SegCore
import SegInference
import SegModels
import SegReference
import SegWeights
import Testing

private let unet: [String: ConfigValue] = [
    "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8, 16],
    "strides": [2, 2], "num_res_units": 1,
]

private func description(
    network changes: [String: ConfigValue] = [:], _ entries: [String: ConfigValue] = [:]
) throws -> ModelDescription {
    var value: [String: ConfigValue] = [
        "network_def": .object(unet.merging(changes) { $1 }), "preprocessing": [:], "roi_size": [8, 8, 8],
        "labels": ["1": "a"],
    ]
    value.merge(entries) { $1 }
    return try ModelDescription(ConfigReader(.object(value), path: "", source: "model.json"))
}

@Test func overlapsAreOneNumberOrThree() throws {
    #expect(try description().overlap == 0.25)
    #expect(try description(["overlap": [0.25, 0.25, 0.0]]).overlap == WindowOverlap(0.25, 0.25, 0))
    let same = try description(["overlap": [0.5, 0.5, 0.5]])
    #expect(same.overlap == 0.5 && same.overlap.value == .double(0.5))
    let three = try description(["overlap": [0.1, 0.2, 0.3]])
    #expect(try ModelDescription(ConfigReader(three.value, path: "", source: "again")).overlap == three.overlap)
    for wrong in [[0.5, 0.5], [0.5, 0.5, 1], 1, -0.1, "half", [0.5, 0.5, "0"]] as [ConfigValue] {
        let error = #expect(throws: DataError.self) { try description(["overlap": wrong]) }
        #expect(error?.key == "overlap")
    }
}

private let misfits: [([String: ConfigValue], [String: ConfigValue], String, String)] = [
    (["out_channels": 256], [:], "network_def.out_channels", "at most 255"),
    ([:], ["labels": ["1": "a", "2": "b"]], "labels", "name class 2, but the network has the classes 0 to 1"),
    (["out_channels": 1], ["labels": ["2": "b"]], "labels", "name class 2"),
    (
        [:], ["postprocessing": ["largest_component": [1, 7]]], "postprocessing.largest_component",
        "lists 7, but the foreground classes are 1"
    ),
    ([:], ["postprocessing": ["largest_component": [0]]], "postprocessing.largest_component", "lists 0"),
    (
        [:],
        [
            "labels": .null, "regions": [["a": 4], ["b": 9]], "regions_order": [4, 9],
            "postprocessing": ["largest_component": [1, 9]],
        ], "postprocessing.largest_component", "lists 1, but the foreground classes are 4, 9"
    ),
    ([:], ["roi_size": [8, 8, 10]], "roi_size", "multiples of 4×4×4"),
    // Four voxels per axis are one voxel in the coarsest stage, for which PyTorch refuses an instance norm, also in
    // evaluation.
    (["norm": "instance"], ["roi_size": [4, 4, 4]], "roi_size", "4×4×4 is too small"),
    (
        ["norm": ["group", ["num_groups": 2]], "channels": [4, 4, 2]], ["roi_size": [4, 4, 4]], "roi_size", "group norm"
    ),
]

@Test(arguments: misfits.indices)
func descriptionsThatContradictThemselvesAreRefused(_ index: Int) throws {
    let (network, entries, key, message) = misfits[index]
    let description = try description(network: network, entries)
    let error = #expect(throws: DataError.self) { try description.makeNetwork(on: ReferenceBackend(), seed: 0) }
    #expect(error?.key == key && error?.message.contains(message) == true, "\(error?.description ?? "")")
}

/// A network of several channels trains like a network of one channel.
@Test func severalChannelsTrain() throws {
    let two = try description(network: ["in_channels": 2])
    try two.checkTraining(batch: 2)
    #expect(try two.inputChannels == 2)
}

/// UNETR learns an embedding for each position of its windows.
@Test func aNetworkOfOneSizeTakesNoOtherWindow() throws {
    var description = try description(["roi_size": [64, 64, 64]])
    description.network = NetworkDefinition(
        [
            "_target_": "UNETR", "in_channels": 1, "out_channels": 2, "img_size": 32, "hidden_size": 12, "num_heads": 2,
            "mlp_dim": 8, "feature_size": 2,
        ], source: "model.json")
    let error = #expect(throws: DataError.self) { try description.check() }
    #expect(error?.key == "roi_size" && error?.message.contains("should be 32×32×32") == true)
    description.roiSize = Triple(32)
    try description.check()
}

/// A batch norm over one voxel can predict, with its running statistics; it trains only on more than one patch.
@Test func aBatchNormOverOneVoxelPredictsAndTrainsOnBatches() throws {
    let batch = try description(network: ["norm": "batch"], ["roi_size": [4, 4, 4]])
    _ = try batch.makeNetwork(on: ReferenceBackend(), seed: 0)
    try batch.checkTraining(batch: 2)
    let error = #expect(throws: DataError.self) { try batch.checkTraining(batch: 1) }
    #expect(error?.key == "roi_size" && error?.message.contains("adn.N: a batch norm in training") == true)
}

/// MONAI's defaults give the number of channels if a definition does not.
@Test func classesOfDefaultsAreCounted() throws {
    let source = NetworkDefinition(["_target_": "SegResNet"], source: "model.json")
    var description = try description()
    description.network = source
    #expect(try description.outputChannels == 2 && description.classCount == 2)
}

/// A path that is no model folder is named itself, not a file that it should hold.
@Test func whatIsNoModelFolderIsNamed() {
    let folder = FileManager.default.temporaryDirectory.path
    for (path, words) in [(folder, "is not a model folder"), ("/nowhere/at/all", "does not exist")] {
        let error = #expect(throws: DataError.self) { try ModelFolder.description(of: path) }
        #expect(error?.kind == .noInput && error?.subject == path && error?.message.contains(words) == true)
    }
}

/// At no moment of a save are old weights beside a new description.
@Test func aModelFolderNeverHoldsTwoModels() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let first = try description()
    let state = try first.makeNetwork(on: ReferenceBackend(), seed: 1).store.state()
    try ModelFolder.write(first, [state], to: folder)
    #expect(try Predictor(folder: folder, on: ReferenceBackend()).description.value == first.value)
    // A save with other preprocessing that stops before the weights are written.
    let second = try description(["preprocessing": ["orientation": "RAS"]])
    let unwritable = ["w": StoredTensor([1] as [Float], shape: [Int](repeating: 1, count: 17))]
    #expect(throws: DataError.self) { try ModelFolder.write(second, [unwritable], to: folder) }
    let error = #expect(throws: DataError.self) { try Predictor(folder: folder, on: ReferenceBackend()) }
    #expect(error?.kind == .noInput && error?.subject == "\(folder)/model.safetensors")
    // A description that would not open is not written either.
    let misnamed = try description(["labels": ["7": "b"]])
    #expect(throws: DataError.self) { try ModelFolder.write(misnamed, [state], to: folder) }
    // A save of the same description keeps the old weights until the new ones exist.
    try ModelFolder.write(first, [state], to: folder)
    #expect(throws: DataError.self) { try ModelFolder.write(first, [unwritable], to: folder) }
    #expect(try Predictor(folder: folder, on: ReferenceBackend()).description.value == first.value)
}
