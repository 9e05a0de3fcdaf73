import Foundation
import SegBackend
import SegCore
import SegImaging
import SegInference
import SegModels
import SegTestNeeds
import SegWeights
import Testing

/// A folder with a bundle's weights file, which only has to exist.
func withBundleFolder<T>(_ body: (String) throws -> T) throws -> T {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let models = folder.appendingPathComponent("models")
    try FileManager.default.createDirectory(at: models, withIntermediateDirectories: true)
    try Data([0]).write(to: models.appendingPathComponent("model.pt"))
    return try body(folder.path)
}

/// A chain of transforms.
func compose(_ transforms: [ConfigValue]) -> ConfigValue {
    ["_target_": "Compose", "transforms": .array(transforms)]
}

private let softmaxInvertArgmax = compose([
    ["_target_": "Activationsd", "keys": "pred", "softmax": true],
    [
        "_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image",
        "nearest_interp": false,
    ],
    ["_target_": "AsDiscreted", "keys": "pred", "argmax": true],
    ["_target_": "SaveImaged", "keys": "pred", "output_dtype": "$numpy.float32"],
])

/// A bundle in the form of the model zoo's, with references, expressions and nested IDs.
private let zooBundle: [String: ConfigValue] = [
    "imports": ["$import glob"],
    "bundle_root": ".",
    "roi": [64, 48, 32],
    "window": ["_target_": "monai.data.Dataset", "ranges": [[-57, 164]]],
    "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    "network_def": [
        "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2],
    ],
    "network": "$@network_def.to(@device)",
    "preprocessing": compose([
        ["_target_": "LoadImaged", "keys": "image", "reader": "$monai.data.NibabelReader"],
        ["_target_": "EnsureChannelFirstd", "keys": "image"],
        ["_target_": "monai.transforms.Orientationd", "keys": "image", "axcodes": "RAS"],
        ["_target_": "SpacingD", "keys": ["image"], "pixdim": [1.5, 1.5, 2.0], "mode": ["bilinear"]],
        [
            "_target_": "ScaleIntensityRanged", "keys": "image", "a_min": "@window::ranges::0::0",
            "a_max": "@window#ranges#0#1", "b_min": 0, "b_max": 1, "clip": "$True",
        ],
        ["_target_": "NormalizeIntensityd", "keys": "image", "_disabled_": true],
        ["_target_": "CropForegroundd", "keys": "image", "source_key": "image", "select_fn": "$lambda x: x > 0"],
        ["_target_": "EnsureTyped", "keys": "image", "device": "@device"],
    ]),
    "inferer": ["_target_": "SlidingWindowInferer", "roi_size": "@roi", "sw_batch_size": 4, "overlap": 0.5],
    "postprocessing": softmaxInvertArgmax,
    "evaluator": [
        "_target_": "SupervisedEvaluator", "network": "@network", "inferer": "@inferer",
        "postprocessing": "@postprocessing",
    ],
    "checkpointloader": ["_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/' + \"model.pt\""],
    "initialize": ["$monai.utils.set_determinism(seed=123)", "$@checkpointloader(@evaluator)"],
    "run": ["$@evaluator.run()"],
]

private func bundle(_ changes: [String: ConfigValue] = [:], metadata: ConfigValue? = nil) throws -> MONAIBundle {
    try withBundleFolder {
        try MONAIBundle(
            folder: $0, inference: .object(zooBundle.merging(changes) { $1 }), source: "inference.json",
            metadata: metadata)
    }
}

@Test func bundlesOfTheModelZooAreUnderstood() throws {
    let metadata: ConfigValue = [
        "network_data_format": ["outputs": ["pred": ["channel_def": ["0": "background", "1": "spleen"]]]]
    ]
    let bundle = try bundle(metadata: metadata)
    #expect(bundle.weights.hasSuffix("/models/model.pt"))
    let description = bundle.description
    #expect(description.roiSize?.array == [64, 48, 32])
    #expect(description.overlap == 0.5 && description.mode == .constant)
    #expect(description.labels == [1: "spleen"])
    #expect(try description.classCount == 2)
    #expect(description.preprocessing.orientation == "RAS")
    #expect(description.preprocessing.pixdim == [1.5, 1.5, 2])
    #expect(description.preprocessing.window?.aMin == -57 && description.preprocessing.window?.aMax == 164)
    #expect(description.preprocessing.window?.clip == true)
    #expect(description.preprocessing.cropForeground)
}

private func transforms(_ items: ConfigValue...) -> ConfigValue { compose(items) }

/// The transforms after a scan is loaded.
private func loading(_ items: ConfigValue...) -> ConfigValue {
    compose([["_target_": "LoadImaged", "keys": "image", "ensure_channel_first": true]] + items)
}

private let spacing: ConfigValue = ["_target_": "Spacingd", "keys": "image", "pixdim": [1, 1, 1]]

private let refused: [([String: ConfigValue], String)] = [
    (["roi": "$__import__('os').system('touch x')"], "'$__import__('os').system('touch x')' is Python"),
    (["roi": "$[96 for _ in range(3)]"], "is Python"),
    (["roi": "@nowhere"], "'@nowhere' refers to nothing"),
    (["roi": "@roi"], "cycle"),
    (["roi": "%other.json#roi"], "macro"),
    (["initialize": ["$@network.half()"]], "'$@network.half()' is Python"),
    (["inferer": ["_target_": "SliceInferer", "roi_size": [32, 32]]], "spatial_dim: should be given as 2"),
    (
        ["inferer": ["_target_": "SliceInferer", "roi_size": [32, 32], "spatial_dim": 2]],
        "needs a network of spatial_dims 2"
    ),
    (["inferer": ["_target_": "SlidingWindowInferer", "roi_size": [96, 96, -1]]], "three positive"),
    (["inferer": ["_target_": "SlidingWindowInferer", "roi_size": [96, 96, 96], "overlp": 0.5]], "did you mean"),
    (["preprocessing": loading(["_target_": "os.system", "keys": "image"])], "'os.system' is not supported"),
    (["preprocessing": loading(["_target_": "RandFlipd", "keys": "image"])], "'RandFlipd' is not supported"),
    (["preprocessing": transforms(spacing)], "before EnsureChannelFirstd"),
    (["preprocessing": transforms(["_target_": "EnsureChannelFirstd", "keys": "image"], spacing)], "no LoadImaged"),
    (["preprocessing": loading(["_target_": "Spacingd", "pixdim": [1, 1, 1], "mode": "area"])], "bilinear"),
    (
        [
            "preprocessing": loading([
                "_target_": "CropForegroundd", "source_key": "image", "mode": "edge", "margin": 2,
            ])
        ], "constant"
    ),
    (["preprocessing": loading(["_target_": "CropForegroundd", "source_key": "label"])], "source_key"),
    (["preprocessing": loading(["_target_": "CropForegroundd", "select_fn": "$lambda x: x > 9"])], "x > 9"),
    (
        ["postprocessing": transforms(["_target_": "Activationsd", "sigmoid": true])],
        "never turns the network's output"
    ),
    (
        ["postprocessing": transforms(["_target_": "Activationsd", "softmax": true])],
        "never turns the network's output"
    ),
    (["network_def": .null, "network": "$torch.jit.load('x.ts')"], "loads a TorchScript program"),
]

@Test(arguments: refused.indices)
func bundlesThatSayMoreAreRefused(_ index: Int) throws {
    let error = #expect(throws: DataError.self) { try bundle(refused[index].0) }
    #expect(error?.description.contains(refused[index].1) == true, "\(error?.description ?? "")")
}

@Test func bundlesWithoutWeightsSaySo() throws {
    let error = #expect(throws: DataError.self) {
        try MONAIBundle(folder: "/nowhere", inference: .object(zooBundle), source: "inference.json", metadata: nil)
    }
    #expect(error?.kind == .noInput && error?.subject == "/nowhere/models/model.pt")
}

/// An exported bundle is understood again, and is the same model.
@Test func exportedBundlesAreReadBack() throws {
    let original = try bundle(metadata: [
        "network_data_format": ["outputs": ["pred": ["channel_def": ["1": "spleen"]]]]
    ]).description
    let files = try MONAIBundle.files(of: original, name: "spleen", license: nil)
    #expect(
        files.keys.sorted() == [
            "LICENSE", "README.md", "configs/inference.json", "configs/metadata.json", "docs/README.md",
        ])
    #expect(files["README.md"]?.hasPrefix("---\ntags:\n- monai\n") == true)
    func parsed(_ name: String) throws -> ConfigValue {
        try JSONDecoder().decode(ConfigValue.self, from: Data((files[name] ?? "").utf8))
    }
    let again = try withBundleFolder {
        try MONAIBundle(
            folder: $0, inference: parsed("configs/inference.json"), source: "inference.json",
            metadata: parsed("configs/metadata.json"))
    }.description
    #expect(again.preprocessing == original.preprocessing)
    #expect(again.roiSize == original.roiSize && again.overlap == original.overlap && again.mode == original.mode)
    #expect(again.labels == original.labels)
    guard case .object(var network) = again.network.value else {
        Issue.record("the network is no object")
        return
    }
    #expect(network["_target_"] == "monai.networks.nets.UNet")
    network["_target_"] = "UNet"
    #expect(.object(network) == original.network.value)
}

/// MONAI's bundle contains no post-processing of MedSeg's; the export notes this.
@Test func exportedBundlesSayWhatTheyLeaveOut() throws {
    var description = try bundle().description
    func readme() throws -> String? {
        try MONAIBundle.files(of: description, name: "spleen", license: nil)["docs/README.md"]
    }
    #expect(try readme()?.contains("postprocessing") == false)
    description.labels = [0: "background", 1: "spleen"]
    #expect(try readme()?.contains("Segments a 3-D scan: background, spleen.") == true)
    description.labels = [:]
    #expect(try readme()?.contains("Segments a 3-D scan.") == true)
    description.postprocessing.keepsLargest = true
    description.postprocessing.minimumVolumeML = 2
    let said = "The postprocessing of the model (largest_component, min_volume_ml 2.0) is not part of the bundle"
    #expect(try readme()?.contains(said) == true)
}

/// A brain tumour's regions become class numbers by a `Lambdad`, enhancing tumour over core over edema.
@Test func regionsThatALambdaPaintsAreClasses() throws {
    let channels: ConfigValue = [
        "network_data_format": [
            "outputs": ["pred": ["channel_def": ["0": "core", "1": "whole", "2": "enhancing"]]]
        ]
    ]
    func painted(_ function: ConfigValue, after: [ConfigValue] = []) throws -> ModelDescription {
        try bundle(
            [
                "network_def": [
                    "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [4, 8],
                    "strides": [2],
                ],
                "postprocessing": compose(
                    [
                        ["_target_": "Activationsd", "keys": "pred", "sigmoid": true],
                        ["_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5],
                    ] + after + [["_target_": "Lambdad", "keys": "pred", "func": function]]),
            ], metadata: channels
        ).description
    }
    let nested = "torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]]>0,2,0)))"
    let description = try painted(.string("$lambda x: " + nested))
    #expect(!description.maskPlan.isRegions && description.maskPlan.probabilities == .sigmoid)
    #expect(description.maskPlan.painting.map(\.channel) == [1, 0, 2])
    #expect(description.maskPlan.painting.map(\.label) == [2, 1, 4])
    #expect(try description.classCount == 5)
    #expect(description.labels == [1: "core", 2: "whole", 4: "enhancing"])
    let again = try ModelDescription(ConfigReader(description.value, path: "", source: "model.json"))
    #expect(again.maskPlan == description.maskPlan)
    let files = try MONAIBundle.files(of: description, name: "tumour", license: nil)
    func parsed(_ name: String) throws -> ConfigValue {
        try ConfigValue(json: Data((files[name] ?? "").utf8), from: name)
    }
    let returned = try withBundleFolder {
        try MONAIBundle(
            folder: $0, inference: parsed("configs/inference.json"), source: "inference.json",
            metadata: parsed("configs/metadata.json"))
    }.description
    #expect(returned.labels == description.labels && returned.maskPlan == description.maskPlan)
    // A region that is painted nowhere is left out.
    #expect(try painted("$lambda x: torch.where(x[[2]] > 0, 4, 0)").labels == [4: "enhancing"])
    let hole: ConfigValue = ["_target_": "FillHolesd", "keys": "pred"]
    for (function, after, reason) in [
        ("$lambda x: x.argmax(0)", [], "is Python"),
        ("$lambda x: torch.where(x[[3]] > 0, 4, 0)", [], "uses the channels [3]"),
        ("$lambda x: " + nested, [hole], "after an AsDiscreted whose threshold"),
        ("$lambda x: torch.where(x[[2]] > 1, 4, 0)", [], "is Python"),
    ] as [(String, [ConfigValue], String)] {
        let error = #expect(throws: DataError.self) { try painted(.string(function), after: after) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }
}

/// The codes of a searched network are arrays in a checkpoint beside its weights.
@Test func aSearchedArchitectureIsReadOfItsCheckpoint() throws {
    let codes = URL(filePath: GoldenFile("dints_codes.pt").path)
    let space: ConfigValue = [
        "_target_": "monai.networks.nets.TopologyInstance", "channel_mul": 0.125, "num_blocks": 3, "num_depths": 3,
        "arch_code": ["$@found['arch_code_a']", "$@found['arch_code_c']"], "device": "@device",
    ]
    let changes: [String: ConfigValue] = [
        "found":
            "$torch.load(@bundle_root + '/models/codes.pt', map_location=torch.device('cuda' if torch.cuda.is_available() else 'cpu'))",
        "space": space,
        "network_def": [
            "_target_": "monai.networks.nets.DiNTS", "dints_space": "@space", "in_channels": 1, "num_classes": 2,
            "node_a": "$torch.from_numpy(@found['node_a'])",
        ],
    ]
    let description = try withBundleFolder { folder in
        try FileManager.default.copyItem(atPath: codes.path, toPath: folder + "/models/codes.pt")
        return try MONAIBundle(
            folder: folder, inference: .object(zooBundle.merging(changes) { $1 }), source: "inference.json",
            metadata: nil)
    }.description
    let outline = try description.network.outline()
    #expect(outline.inputChannels == 1 && outline.outputChannels == 2 && outline.sizeDivisor == Triple(8))
    let files = try MONAIBundle.files(of: description, name: "searched", license: nil)
    let exported = try JSONDecoder().decode(ConfigValue.self, from: Data((files["configs/inference.json"] ?? "").utf8))
    let again = try withBundleFolder {
        try MONAIBundle(folder: $0, inference: exported, source: "inference.json", metadata: nil)
    }.description
    #expect(try again.network.outline() == outline)
    let missing = #expect(throws: DataError.self) { try bundle(changes) }
    #expect(missing?.description.contains("models/codes.pt") == true, "\(missing?.description ?? "")")
}

/// MONAI cannot build a class of a bundle's own code, nor one of nnU-Net's.
@Test func networksThatMONAIDoesNotHaveAreNotExported() throws {
    var description = try bundle().description
    for name in ["scripts.networks.unest.UNesT", "PlainConvUNet", "mine.Net"] {
        description.network = NetworkDefinition(["_target_": .string(name)], source: "model.json")
        let error = #expect(throws: DataError.self) {
            try MONAIBundle.files(of: description, name: "other", license: nil)
        }
        #expect(error?.description.contains("MONAI has no network") == true, "\(error?.description ?? "")")
    }
}

/// A 2-D network gets windows of one slice, and is exported to MONAI with a SliceInferer.
@Test func networksOfSlicesSeeSlices() throws {
    let planar: [String: ConfigValue] = [
        "network_def": [
            "_target_": "UNet", "spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [4, 8],
            "strides": [2],
        ]
    ]
    let slices: ConfigValue = ["_target_": "SliceInferer", "roi_size": [32, 24], "spatial_dim": 2]
    let description = try bundle(planar.merging(["inferer": slices]) { $1 }).description
    #expect(description.roiSize == Triple(32, 24, 1))
    try description.check()
    let files = try MONAIBundle.files(of: description, name: "slices", license: nil)
    #expect(files["configs/inference.json"]?.contains("SliceInferer") == true)
    let error = #expect(throws: DataError.self) { try bundle(planar) }
    #expect(error?.description.contains("needs a network of spatial_dims 2") == true, "\(error?.description ?? "")")
    var thick = description
    thick.roiSize = Triple(32, 24, 2)
    #expect(throws: DataError.self) { try thick.check() }
}
