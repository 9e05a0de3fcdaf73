import Foundation
import SegCore
import SegImaging
import SegInference
import SegModels
import SegTestNeeds
import SegWeights
import Testing

/// A bundle that is understood; each test changes it in one entry.
private let plain: [String: ConfigValue] = [
    "network_def": [
        "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2],
    ],
    "load": "@network_def", "as_is": true, "flag": true, "text": "true",
    "inferer": ["_target_": "SlidingWindowInferer", "roi_size": [16, 16, 16]],
    "checkpointloader": [
        "_target_": "CheckpointLoader", "load_path": "$@bundle_root + '/models/model.pt'",
        "load_dict": ["model": "@network"],
    ],
    "initialize": ["$@checkpointloader(@evaluator)"],
    "network": "$@network_def.to(@device)",
]

private let load: ConfigValue = ["_target_": "LoadImaged", "keys": "image"]
private let channel: ConfigValue = ["_target_": "EnsureChannelFirstd", "keys": "image"]
private let orientation: ConfigValue = ["_target_": "Orientationd", "keys": "image", "axcodes": "RAS"]
private let spacing: ConfigValue = ["_target_": "Spacingd", "keys": "image", "pixdim": [1, 1, 2]]
private let softmax: ConfigValue = ["_target_": "Activationsd", "keys": "pred", "softmax": true]
private let invert: ConfigValue = [
    "_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image", "nearest_interp": false,
]
private let argmax: ConfigValue = ["_target_": "AsDiscreted", "keys": "pred", "argmax": true]

/// Some transforms with further entries.
private func with(_ entries: [String: ConfigValue], _ component: ConfigValue) -> ConfigValue {
    guard case .object(let own) = component else { return component }
    return .object(own.merging(entries) { $1 })
}

private func bundle(
    pre: [ConfigValue] = [load, channel, orientation], post: [ConfigValue] = [softmax, invert, argmax],
    _ changes: [String: ConfigValue] = [:], files: [String] = ["model.pt"]
) throws -> MONAIBundle {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let models = folder.appendingPathComponent("models")
    try FileManager.default.createDirectory(at: models, withIntermediateDirectories: true)
    for name in files { try Data([0]).write(to: models.appendingPathComponent(name)) }
    var value = plain.merging(["preprocessing": compose(pre), "postprocessing": compose(post)]) { $1 }
    value.merge(changes) { $1 }
    return try MONAIBundle(folder: folder.path, inference: .object(value), source: "inference.json", metadata: nil)
}

private func expectRefusal<Value>(
    _ message: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Value
) {
    let error = #expect(throws: DataError.self, sourceLocation: sourceLocation) { try body() }
    let text = error?.description ?? ""
    #expect(text.contains(message), "\(text)", sourceLocation: sourceLocation)
}

private let steps: [([ConfigValue], String)] = [
    ([with(["dtype": "$torch.uint8"], load), channel], "dtype: only \"float32\" is supported"),
    ([with(["reader": "PydicomReader"], load), channel], "reader: \"PydicomReader\" is not supported"),
    ([load, orientation], "before EnsureChannelFirstd"),
    ([load, channel, ["_target_": "EnsureTyped", "keys": "image", "dtype": "$torch.uint8"]], "dtype: only"),
    ([load, channel, ["_target_": "EnsureTyped", "keys": "image", "track_meta": false]], "track_meta: only true"),
    ([load, channel, with(["keys": "label"], orientation)], "keys: should contain 'image'"),
    ([load, channel, with(["lazy": true], orientation)], "lazy: only false"),
    ([load, channel, with(["axcodes": "XYZ"], orientation)], "axcodes: 'XYZ': three letters"),
    ([load, channel, with(["pixdim": [1, 1, 0]], spacing)], "pixdim: should be three positive numbers"),
    (
        [load, channel, with(["keys": ["label", "image"], "mode": ["bilinear", "area"]], spacing)],
        "mode: should be bilinear or nearest, not 'area'"
    ),
    (
        [load, channel, with(["keys": ["label", "image"], "mode": ["bilinear"]], spacing)], "mode: should have a value"
    ),
    ([load, channel, with(["_target_": "scripts.own.Orientationd"], orientation)], "not a class of MONAI"),
    ([load, channel, with(["_mode_": "callable"], orientation)], "_mode_: only \"default\""),
    ([load, channel, with(["_requires_": "$print('x')"], orientation)], "is Python"),
    ([channel, load], "once, before every other"),
    ([load, channel, with(["keys": ["image", "image"]], orientation)], "keys: should contain 'image' once"),
    ([load, channel, with(["dtype": "$torch.half"], spacing)], "dtype: should be $torch.float32"),
    (
        [load, channel, with(["min_pixdim": [2, 2, 2], "max_pixdim": [1, 1, 1]], spacing)],
        "should not be above max_pixdim"
    ),
    ([load, channel, ["_target_": "Lambdad", "keys": "image", "func": "$lambda x: x[0]"]], "is Python"),
]

@Test(arguments: steps.indices)
func stepsThatChangeTheImageOtherwiseAreRefused(_ index: Int) {
    expectRefusal(steps[index].1) { try bundle(pre: steps[index].0) }
}

/// A known function stays a step; the type of a resampling may be the image's own.
@Test func knownFunctionsAndTypesAreSteps() throws {
    let curve: ConfigValue = ["_target_": "Lambdad", "keys": "image", "func": "$lambda x: torch.sigmoid(x)"]
    let single = with(["dtype": "$torch.float"], spacing)
    let steps = try bundle(pre: [load, channel, curve, single]).description.preprocessing.steps
    #expect(steps.first == .intensityCurve(.sigmoid))
    #expect(
        try bundle(pre: [load, channel, curve, with(["dtype": .null], spacing)]).description.preprocessing.steps
            == steps)
    guard case .spacing(let step)? = steps.last else { return }
    #expect(step.isSingle)
}

/// Each key of a step has its own mode.
@Test func theModeOfTheImageCounts() throws {
    let both = with(["keys": ["label", "image"], "mode": ["nearest", "bilinear"]], spacing)
    #expect(try bundle(pre: [load, channel, both]).description.preprocessing.pixdim == [1, 1, 2])
}

private let endings: [([ConfigValue], String)] = [
    (
        [softmax, ["_target_": "Invertd", "keys": "pred", "transform": "@preprocessing"], argmax],
        "orig_keys: should be"
    ),
    ([softmax, with(["transform": "@inferer"], invert), argmax], "transform: should be the preprocessing"),
    ([softmax, argmax, invert], "class numbers would be interpolated"),
    ([softmax, argmax, ["_target_": "SaveImaged", "keys": "pred"]], "has no Invertd, but SaveImaged resamples"),
    ([softmax, invert, argmax, argmax], "a second AsDiscreted"),
    ([with(["sigmoid": true], softmax), invert, argmax], "softmax: is true, and so is sigmoid"),
    ([softmax, with(["softmax": false, "sigmoid": true], softmax), argmax], "only directly after the network"),
    (
        [
            softmax, invert, argmax,
            ["_target_": "KeepLargestConnectedComponentd", "keys": "pred", "num_components": -1],
        ], "num_components: should be at least 1"
    ),
    ([softmax, invert, invert, argmax], "a second Invertd"),
    ([invert, softmax, argmax], "add an Activationsd before it"),
    (
        [softmax, ["_target_": "KeepLargestConnectedComponentd", "keys": "pred"], invert, argmax],
        "before AsDiscreted is not supported"
    ),
    (
        [softmax, invert, argmax, ["_target_": "FillHolesd", "keys": "pred", "applied_labels": [300]]],
        "applied_labels: should be class numbers"
    ),
    ([softmax, invert, argmax, ["_target_": "MeanEnsembled", "keys": "pred"]], "'MeanEnsembled' is not supported"),
    ([softmax, with(["post_func": "$lambda x: x > 0"], invert), argmax], "post_func"),
    ([["_target_": "Activationsd", "keys": "pred"], invert, argmax], "nearest_interp: is false, but the network"),
    ([with(["other": "$torch.tanh"], softmax), invert, argmax], "'$torch.tanh' is Python"),
    ([["_target_": "AsDiscreted", "keys": "pred", "threshold": 0.35]], "threshold: is not supported without an"),
    ([softmax, invert, ["_target_": "AsDiscreted", "keys": "pred", "threshold": 0]], "threshold: should be above 0"),
    ([softmax, invert, with(["threshold": 0.5], argmax)], "threshold: is not supported together with argmax"),
    ([softmax, invert, with(["to_onehot": 2], argmax)], "to_onehot: only null"),
    ([softmax, invert, with(["rounding": "floor"], argmax)], "rounding: \"floor\" is not supported"),
    ([softmax, invert, with(["argmax": [true, false]], argmax)], "argmax: should be true or false"),
    ([softmax, invert, argmax, ["_target_": "SaveImaged", "keys": "pred", "scale": 255]], "scale"),
    (
        [softmax, invert, argmax, ["_target_": "SaveImaged", "keys": "pred", "squeeze_end_dims": false]],
        "squeeze_end_dims: only true"
    ),
    (
        [softmax, invert, argmax, ["_target_": "SaveImaged", "keys": ["pred", "image"]]],
        "keys: should end with \"pred\""
    ),
    (
        [softmax, invert, ["_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5, "rounding": "torchrounding"]],
        "rounding: \"torchrounding\" is not supported without argmax"
    ),
    (
        [
            softmax, invert, argmax, ["_target_": "SaveImaged", "keys": "pred"],
            ["_target_": "LabelFilterd", "keys": "pred", "applied_labels": [1]],
            ["_target_": "SaveImaged", "keys": ["pred"]],
        ], "a second SaveImaged"
    ),
    (
        [softmax, ["_target_": "SaveImaged", "keys": "pred"], invert, argmax],
        "never turns the network's output into classes"
    ),
    ([softmax, invert, with(["_disabled_": true], argmax)], "never turns the network's output into classes"),
]

@Test(arguments: endings.indices)
func endingsThatGiveAnotherMaskAreRefused(_ index: Int) {
    expectRefusal(endings[index].1) { try bundle(pre: [load, channel, spacing], post: endings[index].0) }
}

/// `_disabled_` is interpreted like a truth value of Python, also by reference; of texts only "true" is true.
@Test(
    arguments: [
        (true, false), (false, true), ("true", false), (" True ", false), ("false", true), ("yes", true),
        ("@as_is", false),
        ("@text", false), (1, false), (0, true), (.null, true), ("$True", false),
    ] as [(ConfigValue, Bool)])
func stepsAreDisabledAsMONAIDisablesThem(_ value: ConfigValue, isDone: Bool) throws {
    let description = try bundle(pre: [load, channel, with(["_disabled_": value], orientation)]).description
    #expect((description.preprocessing.orientation == "RAS") == isDone)
}

/// The preprocessing is read from the dataset if it is given only there, and the evaluator's own dataset must have it.
@Test func theTransformsOfTheDatasetAreRead() throws {
    let own = compose([load, channel, with(["axcodes": "LPS"], orientation)])
    let inDataset = try bundle(
        post: [softmax, with(["transform": "@dataset#transform"], invert), argmax],
        ["preprocessing": .null, "dataset": ["_target_": "Dataset", "transform": own]])
    #expect(inDataset.description.preprocessing.orientation == "LPS")
    let evaluator: ConfigValue = [
        "_target_": "SupervisedEvaluator", "val_data_loader": ["_target_": "DataLoader", "dataset": "@dataset"],
        "inferer": "@inferer", "postprocessing": "@postprocessing",
    ]
    expectRefusal("transform: should be the preprocessing") {
        try bundle(["evaluator": evaluator, "dataset": ["_target_": "Dataset", "transform": own]])
    }
}

private let evaluators: [([String: ConfigValue], String)] = [
    (["_target_": "scripts.own.Evaluator"], "not a class of MONAI"),
    (["_target_": "EnsembleEvaluator"], "is not supported"),
    (["prepare_batch": "$lambda x: x"], "is Python, which is not run"),
    (["mode": "train"], "only \"eval\""),
    (["bogus": 3], "evaluator.bogus: is not a known key"),
    (["to_kwargs": ["dtype": "$torch.float16"]], "to_kwargs"),
    (["inferer": "@inferer"], "evaluator::postprocessing: is missing"),
    (["infrer": "@inferer"], "did you mean 'inferer'"),
]

@Test(arguments: evaluators.indices)
func evaluatorsThatPredictOtherwiseAreRefused(_ index: Int) {
    let evaluator = with(evaluators[index].0, ["_target_": "SupervisedEvaluator"])
    expectRefusal(evaluators[index].1) { try bundle(["evaluator": evaluator]) }
}

/// An evaluator without an inferer gives the network the whole image, whatever other inferer the bundle has.
@Test func anEvaluatorWithoutAnInfererSeesTheWholeImage() throws {
    let evaluator: ConfigValue = ["_target_": "SupervisedEvaluator", "postprocessing": "@postprocessing"]
    #expect(try bundle().description.roiSize != nil)
    #expect(try bundle(["evaluator": evaluator]).description.roiSize == nil)
    let disabled = with(["inferer": with(["_disabled_": true], plain["inferer"] ?? .null)], evaluator)
    #expect(try bundle(["evaluator": disabled]).description.roiSize == nil)
}

/// The mask is the last key that `SaveImaged` writes into the one file of a scan.
@Test func keysBeforeTheMaskAreOverwritten() throws {
    let save: ConfigValue = ["_target_": "SaveImaged", "keys": ["image", "pred"]]
    _ = try bundle(post: [softmax, invert, argmax, save])
}

/// MONAI would read the files of another folder. A path of another computer, or Python, stands for the bundle's folder.
@Test func anotherFolderIsNotTheRootOfTheBundle() throws {
    for root in [".", "./", "$os.getcwd()", "/nowhere/spleen", "@here"] as [ConfigValue] {
        #expect(try bundle(["bundle_root": root, "here": "."]).weights.hasSuffix("/models/model.pt"))
    }
    for root in ["sub", "..", "/", "@there", "$'s' + 'ub'"] as [ConfigValue] {
        expectRefusal("bundle_root: is '") { try bundle(["bundle_root": root, "there": "sub"]) }
    }
}

/// A handler may change a prediction; only handlers that are known not to are ignored.
@Test func handlersThatChangeAPredictionAreRefused() throws {
    func evaluated(_ handlers: ConfigValue) throws -> MONAIBundle {
        let evaluator: ConfigValue = [
            "_target_": "SupervisedEvaluator", "postprocessing": "@postprocessing", "val_handlers": handlers,
        ]
        return try bundle(["evaluator": evaluator, "initialize": .null])
    }
    #expect(try evaluated([["_target_": "StatsHandler"]]).choice == .usual)
    #expect(try evaluated(loader("model.pt")).choice == .loaded("net"))
    expectRefusal("'PostProcessing' is not supported") {
        try evaluated([["_target_": "PostProcessing", "transform": "@postprocessing"]])
    }
    expectRefusal("not a class of MONAI") { try evaluated([["_target_": "scripts.own.Handler"]]) }
}

private func loader(_ file: String, _ entries: [String: ConfigValue] = [:]) -> ConfigValue {
    with(
        entries,
        [
            "_target_": "CheckpointLoader", "load_path": .string("models/" + file),
            "load_dict": ["net": "@network", "optimizer": "@optimizer"],
        ])
}

/// The weights are those that the bundle loads, under the name by which it loads them.
@Test func theLoaderThatRunsCounts() throws {
    let evaluator: ConfigValue = [
        "_target_": "SupervisedEvaluator", "val_handlers": "@handlers", "inferer": "@inferer",
        "postprocessing": "@postprocessing",
    ]
    let handlers: [String: ConfigValue] = [
        "evaluator": evaluator, "handlers": [["_target_": "StatsHandler"], loader("best.pt")], "initialize": .null,
    ]
    let best = try bundle(handlers, files: ["model.pt", "best.pt"])
    #expect(best.weights.hasSuffix("/models/best.pt") && best.choice == .loaded("net"))
    expectRefusal("models/best.pt: the bundle's weights are missing") { try bundle(handlers) }
    expectRefusal("a second CheckpointLoader") {
        try bundle(handlers.merging(["initialize": ["$@checkpointloader(@evaluator)"]]) { $1 }, files: ["best.pt"])
    }
    #expect(try bundle().choice == .loaded("model"))
    #expect(try bundle(["initialize": .null]).choice == .usual)
    expectRefusal("strict: only true") { try bundle(["checkpointloader": loader("model.pt", ["strict": false])]) }
    expectRefusal("load_dict: should load") {
        try bundle(["checkpointloader": loader("model.pt", ["load_dict": ["model": "@other"]])])
    }
}

/// No file outside the bundle is read, though it exists.
@Test(arguments: ["../x.pt", "models/../../x.pt", "$@bundle_root + '/../x.pt'", "/etc/hostname"])
func weightsOutsideTheBundleAreRefused(_ path: String) {
    expectRefusal("load_path: '") {
        try bundle(["checkpointloader": with(["load_path": .string(path)], loader("model.pt"))])
    }
    expectRefusal("lies outside of the bundle") {
        try bundle(["checkpointloader": with(["load_path": .string(path)], loader("model.pt"))])
    }
}

/// A path whose name begins like the bundle's, such as `models` in `mod`, is still inside the bundle.
@Test(arguments: ["models/model.pt", "$@bundle_root + '/models/model.pt'"])
func weightsLieInTheFolderOfTheBundle(_ path: String) throws {
    var value = plain.merging(["preprocessing": compose([load, channel])]) { $1 }
    value["postprocessing"] = compose([softmax, invert, argmax])
    value["checkpointloader"] = with(["load_path": .string(path)], plain["checkpointloader"] ?? .null)
    for folder in ["mod", "mod/"] {
        let error = #expect(throws: DataError.self) {
            try MONAIBundle(folder: folder, inference: .object(value), source: "inference.json", metadata: nil)
        }
        let file = error.map { $0.subject.replacing("//", with: "/") }
        #expect(error?.kind == .noInput && file == "mod/models/model.pt", "\(error?.description ?? "")")
    }
}

/// `… if @load_pretrain else None` loads if the flag is set; otherwise the network would have random weights.
@Test func aLoaderUnderAFlagIsUnderstood() throws {
    let step: ConfigValue = ["$@checkpointloader(@evaluator) if @flag else None"]
    #expect(try bundle(["initialize": step]).choice == .loaded("model"))
    expectRefusal("flag: is false, so 'checkpointloader' loads no weights") {
        try bundle(["initialize": step, "flag": false])
    }
    for other in [
        "$monai.utils.set_determinism(seed=0) or @network.train()",
        "$@checkpointloader(@evaluator) if @flag else exit()", "$@flag if 1 else None", "plain", 3,
    ]
        as [ConfigValue]
    {
        expectRefusal("is Python") { try bundle(["initialize": [other]]) }
    }
}

/// Ten references at each of thirteen levels, and a text that doubles thirty times: refused at once.
@Test func referencesThatGrowAreBounded() {
    var bomb: [String: ConfigValue] = ["n13": "x"]
    for level in 0..<13 { bomb["n\(level)"] = .array([ConfigValue](repeating: .string("@n\(level + 1)"), count: 10)) }
    bomb["network_def"] = with(["a": "@n0"], plain["network_def"] ?? .null)
    expectRefusal("more than \(Limits.documentNodes) values") { [bomb] in try ending { _ = try bundle(bomb) } }
    var sums: [String: ConfigValue] = ["s28": "text"]
    for level in 0..<28 { sums["s\(level)"] = .string("$@s\(level + 1) + @s\(level + 1)") }
    sums["network_def"] = with(["a": "@s10"], plain["network_def"] ?? .null)
    expectRefusal("longer than \(Limits.expressionCharacters) characters") { [sums] in
        try ending { _ = try bundle(sums) }
    }
}

/// A single channel has no softmax: its class 1 begins at a probability of 0.5, also in the exported bundle.
@Test func aSingleChannelIsExportedAndReadWithAThreshold() throws {
    let network = with(["out_channels": 1], plain["network_def"] ?? .null)
    expectRefusal("softmax: is 1 everywhere for a single channel") { try bundle(["network_def": network]) }
    var description = try bundle().description
    description.network = NetworkDefinition(network, source: "model.json")
    let text = try #require(try MONAIBundle.files(of: description, name: "x", license: nil)["configs/inference.json"])
    let exported = try ConfigValue(json: Data(text.utf8), from: "exported")
    guard case .object(let entries) = exported else { return }
    #expect(try bundle(entries).description.outputChannels == 1)
    #expect(text.contains("\"sigmoid\" : true") && text.contains("\"threshold\" : 0.5"))
}

/// A threshold of several channels gives regions; the names of all channels count, and are exported.
@Test func regionsAreReadAndExported() throws {
    let regions: [ConfigValue] = [
        with(["softmax": false, "sigmoid": true], softmax), invert,
        ["_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5],
    ]
    var description = try bundle(post: regions).description
    #expect(description.maskPlan.isRegions && description.maskPlan.probabilities == .sigmoid)
    description.labels = [0: "core", 1: "oedema"]
    try description.check()
    let files = try MONAIBundle.files(of: description, name: "x", license: nil)
    let exported = try ConfigValue(json: Data(#require(files["configs/inference.json"]).utf8), from: "exported")
    let metadata = try ConfigValue(json: Data(#require(files["configs/metadata.json"]).utf8), from: "metadata")
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    let models = folder.appendingPathComponent("models")
    try FileManager.default.createDirectory(at: models, withIntermediateDirectories: true)
    try Data([0]).write(to: models.appendingPathComponent("model.pt"))
    let again = try MONAIBundle(
        folder: folder.path, inference: exported, source: "inference.json", metadata: metadata
    ).description
    #expect(again.maskPlan == description.maskPlan && again.labels == description.labels)
}

/// One message lists every obstacle.
@Test func allThatStandsInTheWayIsSaid() {
    let error = #expect(throws: DataError.self) {
        try bundle(
            pre: [load, channel, with(["lazy": true], orientation), ["_target_": "Zoomd", "keys": "image"]],
            ["inferer": ["_target_": "SliceInferer"], "checkpointloader": loader("gone.pt")])
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("inference.json: 4 problems: "), "\(text)")
    for word in [
        "lazy: only false", "'Zoomd' is not supported", "inferer.spatial_dim: should be given as 2",
        "gone.pt: the bundle's",
    ] {
        #expect(text.contains(word), "\(text)")
    }
}

/// A network that MedSeg does not have hides none of the other reasons, whether or not the definition gives its
/// channels.
@Test(arguments: [["in_channels": 1, "out_channels": 2], [:]] as [[String: ConfigValue]])
func aRefusedNetworkHidesNoOtherReason(_ channels: [String: ConfigValue]) {
    let error = #expect(throws: DataError.self) {
        try bundle(
            pre: [load, channel, with(["lazy": true], orientation)],
            post: [softmax, invert, ["_target_": "Zoomd", "keys": "pred"]],
            ["network_def": .object(channels.merging(["_target_": "FlexibleUNet", "backbone": "b0"]) { $1 })])
    }
    let text = error?.description ?? ""
    let known = channels.isEmpty ? [] : ["'Zoomd' is not supported"]
    for word in ["FlexibleUNet", "lazy: only false"] + known { #expect(text.contains(word), "\(text)") }
    #expect(text.hasPrefix("inference.json: \(2 + known.count) problems: "), "\(text)")
}
