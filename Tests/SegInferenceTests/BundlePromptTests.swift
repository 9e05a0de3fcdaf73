import Foundation
import SegBackend
import SegCore
import SegImaging
import SegInference
import SegModels
import Testing

/// The model zoo's bundle of VISTA3D, in the entries that matter; each test changes some of them.
private let published: [String: ConfigValue] = [
    "image_key": "image", "input_dict": "${'image': '/data/spleen_10.nii.gz', 'label_prompt': [3]}",
    "everything_labels":
        "$list(set([i+1 for i in range(132)]) - set([2,16,18,20,21,23,24,25,26,27,128,129,130,131,132]))",
    "metadata": "$json.loads(pathlib.Path(@bundle_root + '/configs/metadata.json').read_text())",
    "subclass": ["2": [14, 5], "20": [28, 29, 30, 31, 32], "21": "$list(range(33, 35)) + list(range(2)) + [114]"],
    "input_channels": 1, "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
    "network_def": "$monai.networks.nets.vista3d132(in_channels=@input_channels, encoder_embed_dim=8)",
    "network": "$@network_def.to(@device)",
    "preprocessing_transforms": [
        ["_target_": "LoadImaged", "keys": "@image_key", "image_only": true],
        ["_target_": "EnsureChannelFirstd", "keys": "@image_key"],
        [
            "_target_": "monai.apps.vista3d.transforms.VistaPreTransformd", "keys": "@image_key",
            "subclass": "@subclass", "labels_dict": "$@metadata['channel_def']",
        ],
        ["_target_": "Orientationd", "keys": "@image_key", "axcodes": "RAS"],
    ],
    "preprocessing": ["_target_": "Compose", "transforms": "$@preprocessing_transforms "],
    "dataset": ["_target_": "Dataset", "data": "$[@input_dict]", "transform": "@preprocessing"],
    "dataloader": ["_target_": "ThreadDataLoader", "dataset": "@dataset", "batch_size": 1],
    "inferer": [
        "_target_": "scripts.inferer.Vista3dInferer", "roi_size": [64, 64, 32], "overlap": 0.3, "sw_batch_size": 1,
        "use_point_window": true,
    ],
    "postprocessing": [
        "_target_": "Compose",
        "transforms": [
            ["_target_": "ToDeviced", "keys": "pred", "device": "cpu", "_disabled_": true],
            ["_target_": "monai.apps.vista3d.transforms.VistaPostTransformd", "keys": "pred"],
            [
                "_target_": "Invertd", "keys": "pred", "transform": "$copy.deepcopy(@preprocessing)",
                "orig_keys": "@image_key", "nearest_interp": true, "to_tensor": true,
            ],
            ["_target_": "Lambdad", "func": "$lambda x: torch.nan_to_num(x, nan=255)", "keys": "pred"],
            ["_target_": "SaveImaged", "keys": "pred", "resample": false],
        ],
    ],
    "evaluator": [
        "_target_": "scripts.evaluator.Vista3dEvaluator", "device": "@device", "val_data_loader": "@dataloader",
        "network": "@network", "inferer": "@inferer", "postprocessing": "@postprocessing", "amp": true,
        "hyper_kwargs": ["user_prompt": true, "everything_labels": "@everything_labels"],
    ],
    "run": ["$@evaluator.run()"],
]

/// Eight bytes with the XXH64 of a file of the model zoo.
private let evaluator: UInt64 = 0x8363_C347_A0E2_A222
private let inferer: UInt64 = 0xE646_CE62_2954_5F95

/// Reads the bundle with changes to its entries, by id, and with files of its code.
private func bundle(
    _ changes: [(String, ConfigValue)] = [], code: [String: UInt64] = ["evaluator": evaluator, "inferer": inferer]
) throws -> ModelDescription {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    for name in ["models", "scripts"] {
        try FileManager.default.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
    }
    try Data([0]).write(to: folder.appending(path: "models/model.pt"))
    for (name, bytes) in code {
        let content = withUnsafeBytes(of: bytes.littleEndian) { Data($0) }
        try content.write(to: folder.appending(path: "scripts/\(name).py"))
    }
    var configuration = BundleConfiguration(source: "inference.json", folder: folder.path) {
        try ConfigValue(jsonFile: $0)
    }
    try configuration.add(.object(published), from: "inference.json")
    for (id, value) in changes { try configuration.set(id, to: value, from: "--bundle-set") }
    let names: ConfigValue = ["0": "background", "1": "liver", "3": "spleen", "5": "right kidney"]
    return try MONAIBundle(
        configuration, metadata: ["network_data_format": ["outputs": ["pred": ["channel_def": names]]]]
    ).description
}

private func classes(_ description: ModelDescription) -> ConfigValue? {
    guard case .object(let entries) = description.network.value else { return nil }
    return entries["class_vector"]
}

@Suite struct BundlePromptTests {
    @Test func thePublishedPromptAndWindowsAreRead() throws {
        let description = try bundle()
        #expect(classes(description) == [3])
        #expect(description.roiSize == Triple(64, 64, 32) && description.overlap == 0.25)
        #expect(description.mode == .constant && description.padding == .constant(0))
        #expect(description.maskPlan.restoration == .nearest && !description.maskPlan.isRegions)
        #expect(description.labels == [1: "spleen"])
        #expect(description.labelScheme.writtenNumbers == [0, 3])
        try description.check()
        #expect(try description.outputChannels == 2)
        #expect(try bundle([("postprocessing#transforms#0#_disabled_", false)]) == description)
    }

    /// `subclass` replaces a class by its parts, and a repeated class counts once.
    @Test(
        arguments: [
            ([1, 2, 5], [1, 14, 5], [0, 1, 14, 5]), ([20, 3], [28, 29, 30, 31, 32, 3], [0, 28, 29, 30, 31, 32, 3]),
            ([3, 3], [3], [0, 3]),
        ] as [(ConfigValue, ConfigValue, [UInt16])])
    func promptsBecomeClasses(_ prompt: ConfigValue, _ expected: ConfigValue, numbers: [UInt16]) throws {
        for change in [("input_dict", ["label_prompt": prompt]), ("dataset#data", [["label_prompt": prompt]])]
            as [(String, ConfigValue)]
        {
            let description = try bundle([change])
            #expect(classes(description) == expected)
            #expect(description.labelScheme.writtenNumbers == numbers)
        }
    }

    /// Without a prompt the classes are `everything_labels`, which are not divided into their parts.
    @Test func withoutAPromptEverythingIsSegmented() throws {
        let description = try bundle([("input_dict", ["image": "ct.nii.gz"])])
        let left: Set<Int> = [2, 16, 18, 20, 21, 23, 24, 25, 26, 27, 128, 129, 130, 131, 132]
        #expect(classes(description) == .array((1...132).filter { !left.contains($0) }.map(ConfigValue.int)))
        #expect(try description.outputChannels == 118)
        #expect(
            description.labels[1] == "liver" && description.labels[2] == "spleen" && description.labels[3] == "class 4")
    }

    @Test(
        arguments: [
            (
                [("input_dict", ["label_prompt": ["spleen"]])],
                "should be a list of class numbers such as [1, 3], not [\"spleen\"]"
            ),
            ([("input_dict", ["label_prompt": []])], "should be a list of class numbers"),
            ([("input_dict", ["label_prompt": .null])], "should be a list of class numbers"),
            (
                [("input_dict", ["label_prompt": [3, 16]])],
                "contains 16, but VISTA3D segments the classes 1 to 132 without 16"
            ),
            ([("input_dict", ["label_prompt": [133]])], "contains 133"),
            // Class 21 has class 0 among its parts here.
            ([("input_dict", ["label_prompt": [21]])], "contains 0"),
            (
                [("input_dict", ["label_prompt": [3], "points": [[1, 2, 3]]])],
                "dataset::data::points: is not supported"
            ),
            ([("dataset#data", [["label_prompt": [3]], ["label_prompt": [1]]])], "different label_prompts"),
            (
                [("dataset#data", "$[{'image': x} for x in @input_list]")],
                "--bundle-set 'dataset#data=[{label_prompt: [1, 3]}]'"
            ),
            (
                [("input_dict", [:]), ("everything_labels", [1, 133])],
                "everything_labels: should be class numbers from 1 to 132"
            ),
            ([("evaluator#hyper_kwargs#user_prompt", false)], "user_prompt: only true is supported"),
            ([("evaluator#hyper_kwargs#val_head", "auto")], "val_head: is not supported"),
            ([("inferer", ["_target_": "SlidingWindowInferer", "roi_size": [64, 64, 64]])], "need each other"),
            ([("inferer#mode", "gaussian")], "mode"),
            (
                [("evaluator#_target_", "SupervisedEvaluator"), ("evaluator#hyper_kwargs", .null)],
                "supported only together"
            ),
            (
                [("postprocessing#transforms#1", ["_target_": "AsDiscreted", "keys": "pred", "argmax": true])],
                "VistaPostTransformd directly after VISTA3D"
            ),
            (
                [("postprocessing#transforms#3", ["_target_": "LabelFilterd", "keys": "pred", "applied_labels": [3]])],
                "'LabelFilterd' is not supported; supported: Invertd"
            ),
            ([("postprocessing#transforms#3#func", "$lambda x: x + 1")], "is Python"),
            (
                [("network_def", "$monai.networks.nets.vista3d132(@input_channels)")],
                "is Python, which is not evaluated"
            ),
            ([("network_def", "$monai.networks.nets.vista3d132(channels=1)")], "channels"),
        ] as [([(String, ConfigValue)], String)])
    func whatCannotBePromptedIsNamed(_ changes: [(String, ConfigValue)], _ message: String) {
        let error = #expect(throws: DataError.self) { try bundle(changes) }
        #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }

    /// The name of a class says nothing about a bundle's code, of which versions differ in their padding.
    @Test(arguments: ["evaluator", "inferer"])
    func otherCodeIsRefused(_ name: String) {
        for (bytes, message) in [(1, "is not the model zoo's code"), (nil, "cannot be read")] as [(UInt64?, String)] {
            var code = ["evaluator": evaluator, "inferer": inferer]
            code[name] = bytes
            let error = #expect(throws: DataError.self) { try bundle(code: code) }
            let text = error?.description ?? ""
            #expect(text.contains("scripts/\(name).py") && text.contains(message), "\(text)")
        }
    }

    /// MONAI's own network has no prompt in its definition.
    @Test func promptedModelsAreNotExported() throws {
        let description = try bundle()
        let error = #expect(throws: DataError.self) {
            try MONAIBundle.files(of: description, name: "vista3d", license: nil)
        }
        #expect(error?.description.contains("MONAI has no network") == true, "\(error?.description ?? "")")
        let again = try ModelDescription(ConfigReader(description.value, path: "", source: "inference.json"))
        #expect(again == description)
    }
}
