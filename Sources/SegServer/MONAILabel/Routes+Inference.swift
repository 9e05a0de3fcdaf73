internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import SegCore

extension Routes {
    /// Predictions for annotators: one scan at a time, or the whole datastore.
    func addInference(to table: RouteTable) {
        let services = services
        table.on(.post, "/infer/{model}") { request, context in
            let model = try services.catalog.model(context.text("model"))
            // A client that goes away takes its job with it.
            return try await request.body.consumeWithCancellationOnInboundClose { body in
                try await infer(model, request: request, body: body, context: context)
            }
        }
        table.on(.post, "/batch/infer/{model}") { request, context in
            let model = try services.catalog.model(context.text("model"))
            let params = try await request.body.object(headers: request.headers, limits: services.limits)
            let which = RequestQuery(request)["images"] ?? "all"
            return .json(try await inferAll(which, model: model, params: params))
        }
        table.on(.get, "/batch/infer") { _, _ in
            let load = await services.queue.load
            guard load > 0 else { throw Refusal(.notFound, "no batch is running") }
            return .json(["status": "RUNNING", "waiting": .int(load)])
        }
        table.on(.delete, "/batch/infer") { _, _ in
            await services.queue.stop()
            return .json(["status": "STOPPED"])
        }
        table.on(.post, "/activelearning/{strategy}") { request, context in
            let name = try context.text("strategy")
            guard let strategy = Strategy(rawValue: name) else {
                let names = Strategy.allCases.map(\.rawValue).joined(separator: ", ")
                throw Refusal(.notFound, "there is no such strategy; there are \(names)")
            }
            let params = try await request.body.object(headers: request.headers, limits: services.limits)
            return .json(try await nextSample(strategy, params: params))
        }
    }

    // MARK: - One scan

    private func infer(
        _ model: ModelEntry, request: Request, body: RequestBody, context: RouteTable.Context
    ) async throws -> Response {
        let query = RequestQuery(request)
        let isForm = (request.headers[.contentType] ?? "").lowercased().hasPrefix("multipart/")
        let form =
            isForm
            ? try await MultipartForm(
                body, headers: request.headers, into: services.scratch, limits: services.limits) : nil
        let params = try form?.object("params") ?? [:]
        let options = try JobOptions(params)
        var own: String?
        let scan: Scan
        if let id = query["session_id"] {
            guard let session = await services.sessions.use(id) else { throw Refusal.notFound("session") }
            scan = session.scan
        } else if let form, form.files.contains(where: { $0.field == "file" }) {
            let session = try await services.sessions.add(form.onlyFile("file"), seconds: nil)
            own = session.scan.id
            scan = session.scan
        } else {
            scan = try await services.datastore.scan(query.require("image"))
        }
        do {
            let job = try await services.submit(scan, model: model, options: options)
            await services.queue.finish(job)
            let image = own == nil && query["session_id"] == nil ? query["image"] : nil
            let response = try await answer(job, image: image, params: params, query: query, context: context)
            return own.map { endSession($0, after: response) } ?? response
        } catch {
            if let own { _ = try? await services.endSession(own) }
            throw error
        }
    }

    /// What came with a request goes once its answer has been sent. Where the client is gone before, it expires.
    private func endSession(_ id: String, after response: Response) -> Response {
        var response = response
        let (body, services) = (response.body, services)
        response.body = ResponseBody(contentLength: body.contentLength) { writer in
            do {
                try await body.write(writer)
            } catch {
                _ = try? await services.endSession(id)
                throw error
            }
            _ = try? await services.endSession(id)
        }
        return response
    }

    private func answer(
        _ job: Job, image: String?, params: ConfigValue, query: RequestQuery, context: RouteTable.Context
    ) async throws -> Response {
        let state = job.snapshot
        guard state.phase == .done, let report = state.report else {
            throw state.error ?? Refusal(.conflict, "the job was cancelled")
        }
        let result: ConfigValue = [
            "label_names": job.model.labelNumbers, "job": .string(job.id), "report": try ConfigValue(encoding: report),
            "latencies": ["total": .double(report.seconds)],
        ]
        if let image {
            try await note(report, of: image)
            if params["save_label"]?.bool == true {
                try await save(job, of: image, tag: params["label_tag"]?.string ?? StudyImage.originalTag, result)
            }
        }
        switch query["output"] {
        case "json": return .json(result)
        case "image": return try await .file(job.path(.mask), as: name(of: job), context: context)
        case nil, "all":
            return try await .form(params: result, image: job.path(.mask), as: name(of: job), context: context)
        default: throw Refusal(.badRequest, "output should be image, json or all; DICOM SEG is not written")
        }
    }

    /// A name that clients may store the mask under; the job's, which is the server's own.
    private func name(of job: Job) -> String { "mask_\(job.id.prefix(12)).nii.gz" }

    /// Keeps the score by which the strategy `uncertainty` ranks.
    private func note(_ report: JobReport, of image: String) async throws {
        guard let score = report.uncertaintyScore else { return }
        var scores: [String: ConfigValue] = [:]
        if case .object(let known)? = try await services.datastore.image(image).info[Strategy.scoresNote] {
            scores = known
        }
        scores[report.model] = .double(score)
        try await services.datastore.note([Strategy.scoresNote: .object(scores)], of: image, tag: nil)
    }

    private func save(_ job: Job, of image: String, tag: String, _ result: ConfigValue) async throws {
        let copy = "\(services.scratch.folder)/label-\(Scratch.makeID()).nii.gz"
        do {
            try FileManager.default.copyItem(atPath: job.path(.mask), toPath: copy)
        } catch {
            throw Refusal(.serverIsFull, "the label cannot be stored")
        }
        try await services.datastore.setLabel(
            copy, of: image, tag: tag, info: ["model": .string(job.model.name), "params": result])
    }

    // MARK: - Many scans

    private func inferAll(_ which: String, model: ModelEntry, params: ConfigValue) async throws -> ConfigValue {
        let images = await services.datastore.all()
        let chosen: [String]
        switch which {
        case "all": chosen = images.keys.sorted()
        case "labeled": chosen = images.filter { !$0.value.isUnlabelled }.keys.sorted()
        case "unlabeled": chosen = images.filter(\.value.isUnlabelled).keys.sorted()
        default: throw Refusal(.badRequest, "images should be all, labeled or unlabeled")
        }
        let options = try JobOptions(params)
        let saves = params["save_label"]?.bool ?? true
        let tag = params["label_tag"]?.string ?? StudyImage.originalTag
        let services = services
        // One after another, each taking its turn in the queue: others get theirs between.
        Task {
            for image in chosen {
                guard let scan = try? await services.datastore.scan(image),
                    let job = try? await services.submit(scan, model: model, options: options)
                else { continue }
                await services.queue.finish(job)
                guard let report = job.snapshot.report, job.snapshot.phase == .done else { continue }
                try? await note(report, of: image)
                let result: ConfigValue = [
                    "label_names": job.model.labelNumbers, "report": (try? ConfigValue(encoding: report)) ?? .null,
                ]
                if saves { try? await save(job, of: image, tag: tag, result) }
                await services.queue.remove(job)
            }
        }
        return ["status": "RUNNING", "images": .array(chosen.map { .string($0) }), "model": .string(model.name)]
    }

    private func nextSample(_ strategy: Strategy, params: ConfigValue) async throws -> ConfigValue {
        var generator = SystemRandomNumberGenerator()
        let now = Date()
        guard
            let choice = strategy.choose(
                await services.datastore.all(), model: params["model"]?.string, now: now, using: &generator)
        else { return [:] }
        var shown: [String: ConfigValue] = [:]
        if case .object(let known)? = try await services.datastore.image(choice.id).info["strategy"] { shown = known }
        shown[strategy.rawValue] = [
            "ts": .int(Int(now.timeIntervalSince1970)), "client_id": params["client_id"] ?? .null,
        ]
        try await services.datastore.note(["strategy": .object(shown)], of: choice.id, tag: nil)
        var answer = try await services.datastore.image(choice.id).notes(id: choice.id)
        answer["id"] = .string(choice.id)
        answer["weight"] = .double(choice.weight)
        return .object(answer)
    }
}
