internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegCore

extension Routes {
    /// Adds routes for predictions over the whole datastore.
    func addBatches(to table: RouteTable) {
        let services = services
        table.on(.post, "/batch/infer/{model}") { request, context in
            let model = try services.catalog.model(context.text("model"))
            let query = try RequestQuery(request, knows: "images", "run_sync")
            let waits = try query.isOn("run_sync")
            let body = try await request.body.object(headers: request.headers, limits: services.limits)
            return .json(
                try await startBatch(
                    query["images"] ?? "all", model: model, params: InferParams(body), waits: waits,
                    client: context.clientName))
        }
        table.on(.get, "/batch/infer") { request, _ in
            let query = try RequestQuery(request, knows: "all", "check_if_running")
            let wantsAll = try query.isOn("all")
            let mustRun = try query.isOn("check_if_running") || !wantsAll
            let all = await services.batches.statuses
            let running = all.filter { $0.phase == .running }
            guard !mustRun || !running.isEmpty else { throw Refusal(.notFound, "no batch is running") }
            return .json([
                "status": running.isEmpty ? "NOT RUNNING" : "RUNNING", "waiting": .int(await services.queue.load),
                "batches": .array((wantsAll ? all : running).map(\.document)),
            ])
        }
        table.on(.delete, "/batch/infer") { request, context in
            let query = try RequestQuery(request, knows: "batch")
            var stopped: [String] = []
            if let id = query["batch"] {
                try await services.batches.stop(id, of: context.clientName)
                stopped = [id]
            } else {
                stopped = await services.batches.stopAll(of: context.clientName)
            }
            return .json(["status": "STOPPED", "batches": .array(stopped.map { .string($0) })])
        }
    }

    private func startBatch(
        _ which: String, model: ModelEntry, params: InferParams, waits: Bool, client: String
    ) async throws -> ConfigValue {
        try model.checkTakes(scans: 1)
        let images = await services.datastore.all()
        let chosen: [String: StudyImage]
        switch which {
        case "all": chosen = images
        case "labeled": chosen = images.filter { !$0.value.isUnlabelled }
        case "unlabeled": chosen = images.filter(\.value.isUnlabelled)
        default: throw Refusal(.badRequest, "images should be all, labeled or unlabeled")
        }
        let present = chosen.filter { !$0.value.isMissing }.keys.sorted()
        let predicted = Array(present.prefix(params.mostImages ?? present.count))
        let tag = params.savesLabel ?? true ? params.tag : nil
        let batches = services.batches
        let id = try await batches.start(client: client, model: model.name, images: predicted) { image in
            try await predict(image, model: model, options: params.options, tag: tag, client: client)
        }
        var answer: [String: ConfigValue] = [
            "status": "RUNNING", "batch": .string(id), "images": .array(predicted.map { .string($0) }),
            "model": .string(model.name),
        ]
        let missing = chosen.filter(\.value.isMissing).keys.sorted()
        if !missing.isEmpty { answer["missing"] = .array(missing.map { .string($0) }) }
        if !params.ignored.isEmpty { answer["ignored"] = .array(params.ignored.map { .string($0) }) }
        if waits, let over = await batches.finish(id) { answer.merge(over.document.members) { _, last in last } }
        return .object(answer)
    }

    /// Predicts one image of a batch when the queue has room, so that other clients get their turns in between.
    private func predict(
        _ image: String, model: ModelEntry, options: JobOptions, tag: String?, client: String
    ) async throws {
        let scan = try await services.datastore.scan(image)
        let job = try services.job(scan, model: model, options: options, for: client)
        try await services.queue.submitWhenThereIsRoom(job)
        await services.queue.finish(job)
        do {
            _ = try await keep(job, image: image, tag: tag)
        } catch {
            await services.queue.remove(job)
            throw error
        }
        await services.queue.remove(job)
    }
}
