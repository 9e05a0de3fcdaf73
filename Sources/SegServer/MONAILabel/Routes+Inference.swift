internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore
internal import SegCore
internal import SegInference

extension Routes {
    /// Adds routes for predictions for annotators, one scan at a time, and for the choice of the next scan.
    func addInference(to table: RouteTable) {
        let services = services
        table.on(.post, "/infer/{model}") { request, context in
            try await infer(services.catalog.model(context.text("model")), request: request, context: context)
        }
        table.on(.post, "/activelearning/{strategy}") { request, context in
            let name = try context.text("strategy")
            guard let strategy = Strategy(rawValue: name) else {
                let names = Strategy.allCases.map(\.rawValue).joined(separator: ", ")
                throw Refusal(.notFound, "there is no such strategy; the strategies are \(names)")
            }
            let params = try await request.body.object(headers: request.headers, limits: services.limits)
            return .json(try await nextSample(strategy, params: params))
        }
    }

    // MARK: - One scan

    private func infer(
        _ model: ModelEntry, request: Request, context: RouteTable.Context
    ) async throws -> Response {
        // `device` is ignored: MONAI Label's clients name a device, but this server has only one.
        let query = try RequestQuery(request, knows: "image", "session_id", "output", "device")
        guard ["image", "json", "all", nil].contains(query["output"]) else {
            throw Refusal(.badRequest, "output should be image, json or all; DICOM SEG is not written")
        }
        let (form, document) = try await self.form(of: request)
        let params = try InferParams(document)
        var own: String?
        let scan: Scan
        var image: String?
        if let id = query["session_id"] {
            guard let session = await services.sessions.use(id) else { throw Refusal.notFound("session") }
            scan = session.scan
        } else if let form, form.files.contains(where: { $0.field == "file" }) {
            try refuseToSave(params)
            let session = try await services.sessions.add(
                [form.onlyFile("file")], seconds: nil, of: context.clientName)
            own = session.scan.id
            scan = session.scan
        } else {
            let id = try query.require("image")
            scan = try await services.datastore.scan(id)
            image = id
        }
        if image == nil, own == nil { try refuseToSave(params) }
        do {
            // If the client disconnects, its job is cancelled. The connection is watched only now that the whole body has
            // been read: a watch passes the body on, and would wait for ever with the rest of one that is refused.
            let response = try await request.body.consumeWithCancellationOnInboundClose { _ in
                let job = try await services.submit(
                    scan, model: model, options: params.options, for: context.clientName)
                await services.queue.finish(job)
                return try await answer(job, image: image, params: params, query: query, context: context)
            }
            return own.map { endSession($0, after: response) } ?? response
        } catch {
            if let own { _ = try? await services.endSession(own) }
            throw error
        }
    }

    /// Reads the form of an inference and its field `params`; without a file, the form may be URL-encoded.
    private func form(of request: Request) async throws -> (MultipartForm?, ConfigValue) {
        let type = (request.headers[.contentType] ?? "").lowercased()
        guard type.hasPrefix("multipart/") || type.hasPrefix("application/x-www-form-urlencoded") else {
            guard try await request.body.bytes(headers: request.headers, limit: services.limits.fieldBytes).isEmpty
            else {
                throw Refusal(.unsupportedMediaType, "the body should be a form with the field 'params', or empty")
            }
            return (nil, [:])
        }
        return try await request.body.form(
            of: ["params"], files: ["file"], headers: request.headers, into: services.scratch, limits: services.limits)
    }

    /// - Throws: `Refusal` if a label should be saved for a scan that is not in the datastore.
    private func refuseToSave(_ params: InferParams) throws {
        guard params.savesLabel != true else {
            throw Refusal(
                .badRequest,
                "save_label needs an image of the datastore; upload the scan there, or leave save_label out")
        }
    }

    /// Removes an uploaded scan after its response has been sent. If the client disconnects first, the scan expires.
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
        _ job: Job, image: String?, params: InferParams, query: RequestQuery, context: RouteTable.Context
    ) async throws -> Response {
        var result = try await keep(job, image: image, tag: params.savesLabel == true ? params.tag : nil)
        if !params.ignored.isEmpty { result["ignored"] = .array(params.ignored.map { .string($0) }) }
        switch query["output"] {
        case "json": return .json(.object(result))
        case "image": return try await .file(job.path(.mask), as: name(of: job), context: context)
        default:
            return try await .form(
                params: .object(result), image: job.path(.mask), as: name(of: job), context: context)
        }
    }

    /// Stores the results of a finished job for an image, and returns them.
    /// - Parameter tag: The tag under which the mask becomes a label; nil for none.
    /// - Returns: The members of the response to an inference.
    /// - Throws: `Refusal` if the job failed or nothing can be stored.
    func keep(_ job: Job, image: String?, tag: String?) async throws -> [String: ConfigValue] {
        let state = job.snapshot
        guard state.phase == .done, let report = state.report else {
            throw state.error ?? Refusal(.conflict, "the job was cancelled")
        }
        let result: [String: ConfigValue] = [
            "label_names": job.model.labelNumbers, "job": .string(job.id), "report": try ConfigValue(encoding: report),
            "latencies": ["total": .double(report.seconds)],
        ]
        if let image {
            do {
                try await note(report, of: image, key: job.scan.id)
            } catch {
                // The score only ranks images; the prediction is valid without it.
                services.logger.warning(
                    "an uncertainty score cannot be noted",
                    metadata: ["job": "\(job.id)", "detail": "\(Refusal(error).detail)"])
            }
            if let tag { try await save(job, of: image, tag: tag, .object(result)) }
        }
        return result
    }

    /// The name under which clients may store the mask; it is derived from the job's id.
    private func name(of job: Job) -> String { "mask_\(job.id.prefix(12))\(job.options.maskEnding)" }

    /// Stores the score by which the strategy `uncertainty` ranks images.
    private func note(_ report: ScanReport, of image: String, key: String) async throws {
        guard let score = report.uncertaintyScore else { return }
        var scores = try await services.datastore.image(image).info[Strategy.scoresNote]?.members ?? [:]
        scores[report.model] = .double(score)
        try await services.datastore.note([Strategy.scoresNote: .object(scores)], of: image, key: key, tag: nil)
    }

    private func save(_ job: Job, of image: String, tag: String, _ result: ConfigValue) async throws {
        let copy = "\(services.scratch.folder)/label-\(Scratch.makeID())\(job.options.maskEnding)"
        let bytes = Scratch.size(of: job.path(.mask))
        try services.scratch.budget.reserve(bytes)
        defer { services.scratch.remove(copy, bytes: bytes) }
        do {
            try FileManager.default.copyItem(atPath: job.path(.mask), toPath: copy)
        } catch {
            throw Refusal(.serverIsFull, "the label cannot be stored")
        }
        try await services.datastore.setLabel(
            copy, of: image, key: job.scan.id, tag: tag,
            info: ["model": .string(job.model.name), "method": "automatic", "params": result])
    }

    // MARK: - The next scan

    private func nextSample(_ strategy: Strategy, params: ConfigValue) async throws -> ConfigValue {
        var generator = SystemRandomNumberGenerator()
        let now = Date()
        let model = try params["model"].flatMap { value -> String? in
            if value == .null || value == "" { return nil }
            guard let name = value.string else { throw Refusal(.badRequest, "model should be a model's name") }
            return try services.catalog.model(name).name
        }
        guard let choice = strategy.choose(await services.datastore.all(), model: model, now: now, using: &generator)
        else { return [:] }
        var shown = try await services.datastore.image(choice.id).info["strategy"]?.members ?? [:]
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
