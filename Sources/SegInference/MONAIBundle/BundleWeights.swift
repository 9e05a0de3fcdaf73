internal import Foundation
internal import SegCore
internal import SegModels
internal import SegWeights

/// The weights that a bundle loads: the file of its only loader, or else `models/model.*` in the bundle's folder.
struct BundleWeights {
    private let document: BundleDocument
    private let folder: String

    /// Finds the file of the weights and the dictionary in it.
    /// - Throws: `DataError` if a step is not supported, a loader is switched off, several loaders run, or the file is missing.
    static func find(
        _ document: BundleDocument, evaluator: BundleComponent?, folder: String
    ) throws -> (file: String, choice: Weights.Choice) {
        let finder = BundleWeights(document: document, folder: folder)
        let loaders = try finder.calledLoaders() + finder.handlers(of: evaluator)
        guard loaders.count < 2 else {
            throw document.error(
                loaders[1].id, "is a second CheckpointLoader beside \(loaders[0].id); keep only one of them")
        }
        guard let loader = loaders.first else { return (try finder.usualFile(), .usual) }
        return try finder.loaded(by: loader)
    }

    /// The loaders that the bundle's steps call.
    private func calledLoaders() throws -> [BundleComponent] {
        var called: [BundleComponent] = []
        for key in ["imports", "initialize", "run", "evaluating", "finalize"] {
            guard let value = try document.component(key), value != .null else { continue }
            guard case .array(let steps) = value else {
                throw document.error(key, "should be a list of steps, not \(value)")
            }
            for item in steps {
                guard case .string(let text) = item, let step = BundleStep(text) else {
                    throw document.error(key, "the expression '\(item.shown)' is Python, which is not evaluated")
                }
                guard case .load(let id, let flag) = step else { continue }
                if let flag { try checkIsSet(flag, for: id, key) }
                guard let value = try document.component(id) else {
                    throw document.error(key, "'@\(id)' refers to nothing in the file")
                }
                called.append(try loader(value, id: id))
            }
        }
        return called
    }

    private func checkIsSet(_ flag: String, for loader: String, _ key: String) throws {
        let value = try document.resolved(.string("@" + flag), id: key)
        let isSet = BundleComponent.isTruthy(value)
        guard isSet else {
            throw document.error(
                flag,
                "is \(value), so '\(loader)' loads no weights and the network would have random weights; set it "
                    + "to true")
        }
    }

    /// The loaders among the evaluator's handlers.
    private func handlers(of evaluator: BundleComponent?) throws -> [BundleComponent] {
        let id = evaluator == nil ? "handlers" : "evaluator::val_handlers"
        guard let value = try evaluator == nil ? document.component("handlers") : evaluator?.entry("val_handlers")
        else { return [] }
        let followed = try document.followed(value, id: id)
        // MONAI treats a single handler as a list of one.
        let items: [ConfigValue] =
            if case .array(let items) = followed { items } else { followed == .null ? [] : [followed] }
        return try items.enumerated().compactMap { index, item in
            let handler = try BundleComponent(item, id: "\(id)::\(index)", document)
            guard !handler.isDisabled, !Self.watchers.contains(handler.name) else { return nil }
            guard handler.name == "CheckpointLoader" else {
                throw handler.unsupported(["CheckpointLoader"] + Self.watchers)
            }
            return handler
        }
    }

    /// Handlers that only measure or report a prediction and do not change it.
    private static let watchers = [
        "StatsHandler", "TensorBoardStatsHandler", "TensorBoardImageHandler", "LogfileHandler", "MetricsSaver",
        "MetricLogger", "GarbageCollector", "MeanDice", "MeanIoUHandler", "HausdorffDistance", "SurfaceDistance",
        "ConfusionMatrix", "PanopticQuality", "RegressionMetrics",
    ]

    private func loader(_ value: ConfigValue, id: String) throws -> BundleComponent {
        let loader = try BundleComponent(value, id: id, document)
        guard loader.isDisabled || loader.name == "CheckpointLoader" else {
            throw loader.unsupported(["CheckpointLoader"])
        }
        return loader
    }

    /// The file of a loader, and the name of the dictionary that MONAI loads from it.
    private func loaded(by loader: BundleComponent) throws -> (file: String, choice: Weights.Choice) {
        guard !loader.isDisabled else { throw document.error(loader.id, "is disabled, but a step calls it") }
        let reader = try loader.arguments(ignoring: ["load_dict", "map_location", "name"])
        let path = try reader.required("load_path", reader.string("load_path"))
        // In Python every string but the empty one is true, even "False".
        for key in ["strict", "strict_shape"] {
            if let value = reader.value(key), !BundleComponent.isTruthy(value) {
                throw reader.error(key, "only true is supported, not \(value)")
            }
        }
        try reader.finish()
        guard let file = self.file(path) else {
            throw reader.error(
                "load_path",
                "'\(path)' lies outside of the bundle, whose files alone are read; put the weights into the bundle's models"
            )
        }
        guard FileManager.default.fileExists(atPath: file) else { throw Self.missing(file) }
        return (file, try choice(loader))
    }

    /// The bundle's file for a path, which begins with the bundle's folder if it uses `bundle_root`; nil if the path leads out
    /// of the folder. A symbolic link in the folder may lead anywhere, as in a cache of Hugging Face.
    private func file(_ path: String) -> String? {
        let inside = folder.hasSuffix("/") ? folder : folder + "/"
        guard path.hasPrefix(inside) || !path.hasPrefix("/") else {
            return BundleConfiguration.path(of: path, in: folder)
        }
        let own = path.hasPrefix(inside) ? String(path.dropFirst(inside.count)) : path
        var depth = 0
        for part in own.split(separator: "/") where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return nil }
        }
        return inside + own
    }

    private func choice(_ loader: BundleComponent) throws -> Weights.Choice {
        guard let dictionary = loader.entry("load_dict") else { return .usual }
        guard case .object(let entries) = try document.followed(dictionary, id: loader.id) else {
            throw document.error(loader.id + "::load_dict", "should be an object such as {\"model\": \"@network\"}")
        }
        let networks = entries.filter { ["@network", "@network_def", "$@network"].contains($0.value) }
        guard let name = networks.first?.key, networks.count == 1 else {
            throw document.error(
                loader.id + "::load_dict", "should load \"@network\" under one name, not \(ConfigValue.object(entries))"
            )
        }
        return .loaded(name)
    }

    /// `models/model.*` of a bundle without a loader.
    private func usualFile() throws -> String {
        let candidates = ModelFolder.weights(in: "\(folder)/models")
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            let program = "\(folder)/models/model.ts"
            guard !FileManager.default.fileExists(atPath: program) else {
                throw DataError(
                    .noInput, program,
                    "is a TorchScript program, which is not run; download the bundle's weights, models/model.pt")
            }
            throw Self.missing("\(folder)/models/model.pt")
        }
        return found
    }

    private static func missing(_ file: String) -> DataError {
        DataError(.noInput, file, "the bundle's weights are missing; download them first")
    }
}

extension ConfigValue {
    /// A string without its quotes; any other value as it would be written.
    fileprivate var shown: String { if case .string(let text) = self { text } else { description } }
}
