internal import Foundation
internal import SegBackend
public import SegCore
internal import SegImaging
internal import SegModels

/// A MONAI bundle that predicts: the description of its model and its weights.
///
/// Only `_target_`s of a fixed list are understood, and nothing is evaluated.
public struct MONAIBundle: Sendable {
    /// What the model expects, as a `model.json` would say it.
    public let description: ModelDescription
    /// The weights' file.
    public let weights: String

    /// Understands a bundle's `configs/inference.json` or `.yaml`.
    /// - Parameters:
    ///   - folder: The bundle's folder.
    ///   - inference: The configuration.
    ///   - source: Its file, for errors.
    ///   - metadata: `configs/metadata.json`, for the names of the classes.
    /// - Throws: `DataError` naming what is not supported.
    public init(folder: String, inference: ConfigValue, source: String, metadata: ConfigValue?) throws {
        let document = try BundleDocument(inference, source: source, folder: folder)
        try Self.checkSteps(document)
        let network = try Self.part("network", or: "network_def", of: document)
        let inferer = try Self.part("inferer", or: nil, of: document)
        try BundlePostprocessing.check(document, Self.part("postprocessing", or: nil, of: document))
        let window = try Self.window(document, inferer)
        description = ModelDescription(
            network: NetworkDefinition(try document.resolved(network, id: "network_def"), source: source),
            preprocessing: try BundlePreprocessing(document).preprocessing,
            roiSize: window.roi, overlap: window.overlap, mode: window.mode, labels: Self.labels(metadata))
        weights = try Self.weights(document, folder: folder)
    }

    /// A component that the evaluator names, or that has a usual name.
    private static func part(_ name: String, or other: String?, of document: BundleDocument) throws -> ConfigValue {
        if let value = try document.component("evaluator#\(name)") { return value }
        if let value = try document.component(name) { return value }
        if let other, let value = try document.component(other) { return value }
        throw document.error(name, "is missing")
    }

    private static func checkSteps(_ document: BundleDocument) throws {
        for key in ["imports", "initialize", "run"] {
            guard case .array(let steps)? = try document.component(key) else { continue }
            for case .string(let step) in steps where !BundleExpression.isPreparation(step) {
                throw document.error(key, "the expression '\(step)' is Python, which is not evaluated")
            }
        }
    }

    private static func window(
        _ document: BundleDocument, _ value: ConfigValue
    ) throws -> (roi: Triple, overlap: Double, mode: WindowPlan.Blending) {
        let component = try BundleComponent(value, id: "inferer", document)
        guard ["SlidingWindowInferer", "SlidingWindowInfererAdapt"].contains(component.name) else {
            throw component.unsupported("SlidingWindowInferer")
        }
        let reader = try component.arguments(
            ignoring: "sw_batch_size", "sw_device", "device", "progress", "cache_roi_weight_map", "cpu_thresh",
            "buffer_steps", "buffer_dim", "with_coord")
        let roi = try reader.required("roi_size", reader.ints("roi_size"))
        guard roi.count == 3, roi.allSatisfy({ $0 > 0 }) else {
            throw reader.error("roi_size", "should be three positive whole numbers, not \(roi)")
        }
        let overlap = try reader.double("overlap") ?? 0.25
        guard overlap >= 0, overlap < 1 else {
            throw reader.error("overlap", "should be at least 0 and below 1, not \(overlap)")
        }
        let modeName = try reader.string("mode") ?? "constant"
        guard let mode = WindowPlan.Blending(rawValue: modeName) else {
            throw reader.error("mode", "should be constant or gaussian, not '\(modeName)'")
        }
        try reader.expect("sigma_scale", 0.125)
        try reader.expect("padding_mode", "constant")
        try reader.expect("cval", 0)
        try reader.finish()
        return (Triple(roi), overlap, mode)
    }

    /// Classes by `network_data_format.outputs.pred.channel_def`, without the background.
    private static func labels(_ metadata: ConfigValue?) -> [Int: String] {
        var value = metadata
        for key in ["network_data_format", "outputs", "pred", "channel_def"] {
            guard case .object(let entries)? = value else { return [:] }
            value = entries[key]
        }
        guard case .object(let names)? = value else { return [:] }
        var labels: [Int: String] = [:]
        for case let (key, .string(name)) in names {
            if let number = Int(key), number > 0 { labels[number] = name }
        }
        return labels
    }

    /// The checkpoint that the loader names, else the usual ones.
    private static func weights(_ document: BundleDocument, folder: String) throws -> String {
        var candidates = ["safetensors", "pt", "pth"].map { "\(folder)/models/model.\($0)" }
        if let path = try document.component("checkpointloader#load_path") {
            guard case .string(let named) = path else {
                throw document.error("checkpointloader::load_path", "should be a path, not \(path)")
            }
            candidates.insert(named.hasPrefix("/") || named.hasPrefix(folder) ? named : "\(folder)/\(named)", at: 0)
        }
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw DataError(
                .noInput, candidates[0], "the bundle's weights are not there; download them first")
        }
        return found
    }
}

/// Names of a bundle's components.
enum BundleTarget {
    /// `monai.transforms.LoadImaged`, `LoadImageD` and `LoadImageDict` are all `LoadImaged`.
    static func name(_ target: String) -> String {
        let name = target.split(separator: ".").last.map(String.init) ?? target
        if name.hasSuffix("Dict") { return name.dropLast(4) + "d" }
        return name.hasSuffix("D") ? name.dropLast() + "d" : name
    }
}

extension ConfigReader {
    /// Insists that an argument is absent or has the one value that is supported.
    /// - Throws: `DataError` where it has another.
    func expect(_ key: String, _ supported: ConfigValue) throws {
        guard let value = value(key), value != supported else { return }
        if let number = value.number, number == supported.number { return }
        throw error(key, "only \(supported) is supported, not \(value)")
    }
}
