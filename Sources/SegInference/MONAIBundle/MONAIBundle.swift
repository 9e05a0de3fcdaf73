internal import SegBackend
public import SegCore
internal import SegImaging
internal import SegModels
public import SegWeights

/// A MONAI bundle for prediction: the description of its model, and its weights.
///
/// Only a fixed list of `_target_`s is supported, and no Python is run. One error lists everything that is not supported.
public struct MONAIBundle: Sendable {
    /// The model's description, as in a `model.json`.
    public let description: ModelDescription
    /// The path of the weights' file.
    public let weights: String
    /// The dictionary of a PyTorch checkpoint that holds the weights.
    public let choice: Weights.Choice

    /// Reads a bundle's `configs/inference.json` or `.yaml`.
    /// - Parameters:
    ///   - folder: The bundle's folder.
    ///   - inference: The configuration.
    ///   - source: The configuration's file, for errors.
    ///   - metadata: `configs/metadata.json`, for the names of the classes.
    /// - Throws: `DataError` naming what is not supported.
    public init(folder: String, inference: ConfigValue, source: String, metadata: ConfigValue?) throws {
        var configuration = BundleConfiguration(source: source, folder: folder) { try ConfigValue(jsonFile: $0) }
        try configuration.add(inference, from: source)
        try self.init(configuration, metadata: metadata)
    }

    /// Reads a configuration of one or several files with a user's overrides.
    /// - Parameter metadata: `configs/metadata.json`, for the names of the classes.
    /// - Throws: `DataError` naming what is not supported.
    public init(_ configuration: BundleConfiguration, metadata: ConfigValue?) throws {
        var configuration = configuration
        try configuration.resolve()
        let (folder, source) = (configuration.folder, configuration.source)
        let document = try BundleDocument(configuration.value, source: source, folder: folder)
        let faults = FaultList(source: source, key: nil)
        if let fault = document.rootFault { faults.part { throw fault } }
        let evaluator = faults.part { try Self.evaluator(document) }.flatMap { $0 }
        // The evaluator uses only its own arguments, whatever else the file contains.
        func used(_ key: String) throws -> (id: String, value: ConfigValue)? {
            let entry = try evaluator.map { try $0.entry(key).map { try document.followed($0, id: key) } ?? .null }
            return entry == .null ? nil : try Self.part(["evaluator#\(key)", key], of: document)
        }
        let isPrompted = evaluator?.target == BundlePrompt.evaluator
        let prompt = faults.part {
            try evaluator.flatMap { isPrompted ? try BundlePrompt(document, evaluator: $0, folder: folder) : nil }
        }.flatMap { $0 }
        let network = faults.part { try Self.network(document, isPrompted: isPrompted, prompt) }
        let preprocessing = faults.part { try Self.preprocessing(document) }
        let inputs = network?.outline.inputChannels ?? Self.channels("in_channels", document)
        let outputs = network?.outline.outputChannels ?? Self.channels("out_channels", document)
        let chain = faults.part {
            try preprocessing.map { try BundlePreprocessing($0.value, id: $0.id, channels: inputs, document) }
        }.flatMap { $0 }
        var description = ModelDescription(
            network: network?.definition ?? NetworkDefinition(.null, source: source),
            preprocessing: chain?.preprocessing ?? Preprocessing([]), roiSize: nil, overlap: 0, mode: .constant,
            labels: [:])
        // Without an inferer, the network's input in MONAI's evaluator is the whole image. A disabled one is none.
        faults.part {
            let written = try used("inferer").map { try BundleComponent($0.value, id: $0.id, document) }
            let inferer = written.flatMap { $0.isDisabled ? nil : $0 }
            guard isPrompted == (inferer?.target == BundlePrompt.inferer) else {
                throw document.error(
                    inferer?.id ?? "inferer", "\(BundlePrompt.evaluator) and \(BundlePrompt.inferer) need each other")
            }
            if let inferer, isPrompted {
                return try BundlePrompt.window(inferer, folder: folder, of: &description)
            }
            if let inferer { try Self.window(inferer, of: &description) }
            guard let network, network.outline.isPlanar != (inferer?.name == "SliceInferer") else { return }
            throw document.error(
                inferer?.id ?? "inferer",
                "a SliceInferer needs a network of spatial_dims 2, and every other inferer one of 3")
        }
        faults.part {
            guard let postprocessing = try used("postprocessing") else {
                throw document.error("evaluator::postprocessing", "is missing, so no mask is made or saved")
            }
            guard let preprocessing, let outputs else {
                _ = try BundleComponent.chain(postprocessing.value, id: postprocessing.id, document, faults)
                return
            }
            description.maskPlan = try BundlePostprocessing.plan(
                postprocessing.value, id: postprocessing.id, document, inverting: preprocessing.value,
                of: chain?.invertible, isPrompted: isPrompted,
                reader: MaskPlanReader(channels: outputs, preprocessing: chain?.preprocessing ?? Preprocessing([])))
        }
        let found = faults.part { try BundleWeights.find(document, evaluator: evaluator, folder: folder) }
        try faults.finish()
        guard let found else { throw document.error("network", "cannot be understood") }
        description.labels = Self.labels(metadata, of: description.maskPlan)
        prompt?.number(&description, names: description.labels)
        self.description = description
        (weights, choice) = found
    }

    /// The network's definition and its outline.
    /// - Parameters:
    ///   - isPrompted: Whether the evaluator gives the network a prompt.
    ///   - prompt: The prompt; nil if it could not be read.
    private static func network(
        _ document: BundleDocument, isPrompted: Bool, _ prompt: BundlePrompt?
    ) throws -> (definition: NetworkDefinition, outline: NetworkOutline) {
        let network = try part(networkPaths, of: document)
        var value = try BundleComponent.definition(network.value, id: network.id, document)
        if case .object(var entries) = value {
            let isVISTA3D = entries["_target_"] == .string(BundlePrompt.network)
            guard isVISTA3D == isPrompted else {
                throw document.error(
                    network.id,
                    "\(BundlePrompt.network), which needs a prompt, and \(BundlePrompt.evaluator), which gives it, are "
                        + "supported only together")
            }
            if isVISTA3D { entries["class_vector"] = .array((prompt?.classes ?? [1]).map(ConfigValue.int)) }
            value = .object(entries)
        }
        let definition = NetworkDefinition(value, source: document.source)
        return (definition, try definition.outline())
    }

    private static let networkPaths = ["evaluator#network", "network", "network_def"]

    /// The number of channels in the definition of a network that could not be read; nil if it is not a positive integer.
    private static func channels(_ key: String, _ document: BundleDocument) -> Int? {
        guard let network = try? part(networkPaths, of: document),
            case .object(let entries)? = try? document.followed(network.value, id: network.id),
            case .int(let count)? = try? entries[key].map({ try document.resolved($0, id: network.id) }), count > 0
        else { return nil }
        return count
    }

    /// The possible ids of the scan's transforms; the transforms of the evaluator's data come first.
    private static let preprocessingPaths = [
        "evaluator#val_data_loader#dataset#transform", "dataloader#dataset#transform", "dataset#transform",
        "preprocessing",
    ]

    /// The scan's transforms.
    static func preprocessing(_ document: BundleDocument) throws -> (id: String, value: ConfigValue) {
        try part(preprocessingPaths, of: document)
    }

    /// The first of the entries at `paths` that exists, and the shortest id that leads to it.
    private static func part(
        _ paths: [String], of document: BundleDocument
    ) throws -> (id: String, value: ConfigValue) {
        for path in paths {
            guard let value = try document.component(path), value != .null else { continue }
            let short = try paths.last { try document.component($0) == value }
            return (short ?? path, value)
        }
        throw document.error(paths[paths.count - 1], "is missing")
    }

    /// The evaluator; nil if the bundle has none. Arguments that would change the prediction are refused.
    private static func evaluator(_ document: BundleDocument) throws -> BundleComponent? {
        guard let value = try document.component("evaluator") else { return nil }
        let evaluator = try BundleComponent(value, id: "evaluator", document)
        let isPrompted = evaluator.target == BundlePrompt.evaluator
        guard isPrompted || evaluator.name == "SupervisedEvaluator", !evaluator.isDisabled else {
            throw evaluator.unsupported(["SupervisedEvaluator"])
        }
        if let dataset = try document.component("evaluator#val_data_loader#dataset") {
            _ = try BundleComponent(dataset, id: "evaluator#val_data_loader#dataset", document)
        }
        for key in ["prepare_batch", "iteration_update"] {
            if let entry = evaluator.entry(key), entry != .null {
                throw document.error("evaluator::\(key)", "\(entry) is Python, which is not run")
            }
        }
        for (key, supported) in [("mode", "eval"), ("decollate", true)] as [(String, ConfigValue)] {
            guard let entry = evaluator.entry(key) else { continue }
            let value = try document.resolved(entry, id: "evaluator::\(key)")
            guard value == supported else {
                throw document.error("evaluator::\(key)", "only \(supported) is supported, not \(value)")
            }
        }
        if let entry = evaluator.entry("to_kwargs"), entry != .null, entry != .object([:]) {
            throw document.error("evaluator::to_kwargs", "is not supported, because it may change the image's type")
        }
        // This refuses any argument that MONAI's evaluator does not have.
        try evaluator.arguments(ignoring: evaluatorArguments + (isPrompted ? ["hyper_kwargs"] : [])).finish()
        return evaluator
    }

    /// The arguments of MONAI's SupervisedEvaluator: read elsewhere, checked above, or without effect on a mask.
    private static let evaluatorArguments = [
        "device", "val_data_loader", "network", "epoch_length", "non_blocking", "prepare_batch", "iteration_update",
        "inferer", "postprocessing", "key_val_metric", "additional_metrics", "metric_cmp_fn", "val_handlers", "amp",
        "mode", "event_names", "event_to_attr", "decollate", "to_kwargs", "amp_kwargs", "compile", "compile_kwargs",
    ]

    /// Reads the windows of an inferer; with `SimpleInferer` the network's input is the whole image.
    private static func window(_ component: BundleComponent, of description: inout ModelDescription) throws {
        guard component.name != "SimpleInferer" else { return try component.arguments().finish() }
        guard supportedInferers.contains(component.name) else { throw component.unsupported(supportedInferers) }
        let ignored = [
            "sw_batch_size", "sw_device", "device", "progress", "cache_roi_weight_map", "cpu_thresh", "buffer_steps",
            "buffer_dim",
        ]
        let isSliced = component.name == "SliceInferer"
        let reader = try component.arguments(
            ignoring: isSliced ? ignored + ["spatial_dim"] : ignored,
            replacing: isSliced ? slice(component, ignoring: ignored) : [:])
        let coder = ConfigCoder(reader)
        let window = try SlidingWindow.coded(nil, by: coder)
        (description.roiSize, description.overlap, description.mode) = (window.window, window.overlap, window.blending)
        description.padding = try WindowPadding.coded(nil, by: coder)
        try reader.expect("sigma_scale", 0.125)
        try reader.expect("with_coord", false)
        try reader.finish()
    }

    private static let supportedInferers = [
        "SlidingWindowInferer", "SlidingWindowInfererAdapt", "SliceInferer", "SimpleInferer",
    ]

    /// The window of a `SliceInferer`, which is one slice thick.
    private static func slice(
        _ component: BundleComponent, ignoring ignored: [String]
    ) throws -> [String: ConfigValue] {
        let reader = try component.arguments(ignoring: ignored)
        guard try reader.int("spatial_dim") ?? 0 == 2 else {
            throw reader.error(
                "spatial_dim", "should be given as 2, slices across the last axis; nothing else is supported")
        }
        let window = try reader.required("roi_size", reader.ints("roi_size"))
        guard window.count == 2 else {
            throw reader.error("roi_size", "should be two positive integers, not \(window)")
        }
        return ["roi_size": .array((window + [1]).map { .int($0) })]
    }

    /// The names in `network_data_format.outputs.pred.channel_def`: of the foreground classes, of all regions, or of painted
    /// regions by their class numbers.
    private static func labels(_ metadata: ConfigValue?, of plan: MaskPlan) -> [Int: String] {
        var value = metadata
        for key in ["network_data_format", "outputs", "pred", "channel_def"] {
            guard case .object(let entries)? = value else { return [:] }
            value = entries[key]
        }
        guard case .object(let names)? = value else { return [:] }
        var labels: [Int: String] = [:]
        let channels = names.compactMap { key, name in Int(key).map { ($0, name) } }.sorted { $0.0 < $1.0 }
        for case let (channel, .string(name)) in channels {
            let number =
                plan.painting.isEmpty ? channel : plan.painting.last { $0.channel == channel }.map { Int($0.label) }
            if let number, number >= (plan.isRegions ? 0 : 1) { labels[number] = name }
        }
        return LabelScheme.distinct(labels)
    }
}
