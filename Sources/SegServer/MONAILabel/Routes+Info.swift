internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import SegCore

extension Routes {
    /// Adds the routes that MONAI Label's clients request first.
    func addInfo(to table: RouteTable) {
        let services = services
        table.on(.get, "/info") { _, _ in
            .json([
                "name": "MedSeg", "description": "3-D segmentation by medseg-server", "version": "2.0",
                "labels": .array(labelNames.map { .string($0) }),
                "models": .object(
                    Dictionary(uniqueKeysWithValues: services.catalog.models.map { ($0.name, info(of: $0)) })),
                "trainers": [:], "scoring": [:], "train_stats": [:],
                "strategies": .object(Strategy.allCases.reduce(into: [:]) { $0[$1.rawValue] = $1.info }),
                "datastore": await statistics(), "config": [:],
                "disk": [
                    "used_bytes": .int(services.scratch.budget.count),
                    "limit_bytes": .int(services.scratch.budget.limit),
                ],
            ])
        }
        table.on(.get, "/model/info/{model}") { _, context in
            let model = try services.catalog.model(context.text("model"))
            let weights = weightsFile(of: model)
            let attributes = try? FileManager.default.attributesOfItem(atPath: weights)
            let modified = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
            return .json(["bytes": .int(Scratch.size(of: weights)), "modified_time": .int(Int(modified))])
        }
        table.on(.get, "/model/{model}") { _, context in
            let model = try services.catalog.model(context.text("model"))
            let weights = weightsFile(of: model)
            let ending = URL(fileURLWithPath: weights).pathExtension
            return try await .file(
                weights, as: StudyImage.fileName(id: model.name, "." + ending), context: context)
        }
        table.on(.get, "/logs") { request, _ in
            // MONAI Label's log page may be HTML and refresh itself; this page is always plain text.
            let query = try RequestQuery(request, knows: "lines", "text", "html", "refresh")
            if try query.isOn("html") { throw Refusal(.badRequest, "the log is text; leave html out") }
            let lines = try query.int("lines", from: 0) ?? 300
            return Self.text(services.log.last(lines).joined(separator: "\n") + "\n")
        }
        table.on(.get, "/logs/gpu") { _, _ in Self.text(services.engine.device + "\n") }
    }

    private func weightsFile(of model: ModelEntry) -> String {
        ["safetensors", "pt", "pth"].map { "\(model.folder)/model.\($0)" }
            .first { FileManager.default.fileExists(atPath: $0) } ?? "\(model.folder)/model.safetensors"
    }

    /// The labels of all models, each once.
    private var labelNames: [String] {
        var seen: Set<String> = []
        return services.catalog.models.flatMap { $0.labels.map(\.name) }.filter { seen.insert($0).inserted }
    }

    private func info(of model: ModelEntry) -> ConfigValue {
        // Slicer converts an option to the type of its value here, and JSON has no 0 that is not an integer: as text, the
        // volume may be 0.5.
        [
            "type": "segmentation", "dimension": 3, "labels": model.labelNumbers,
            "description": .string(
                "\(model.network), \(model.labels.count + 1) classes"
                    + (model.channels > 1 ? ", \(model.channels) scans a case" : "")),
            "config": [
                "device": .array([.string(services.engine.device)]), "uncertainty": 0, "largest_component": false,
                "fill_holes": false, "min_volume_ml": "0",
            ],
        ]
    }

    /// The number of images, and the number of finished ones.
    func statistics() async -> ConfigValue {
        let images = await services.datastore.all().values
        var tags: [String: Int] = [:]
        for tag in images.flatMap(\.labels.keys) { tags[tag, default: 0] += 1 }
        return [
            "total": .int(images.count), "completed": .int(images.count { !$0.isUnlabelled }),
            "label_tags": .object(tags.mapValues { .int($0) }),
        ]
    }

    private static func text(_ text: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

extension ModelEntry {
    /// The label names with their numbers, in the form for MONAI Label's clients.
    var labelNumbers: ConfigValue {
        .object(Dictionary(labels.map { ($0.name, .int($0.number)) }) { first, _ in first })
    }
}
