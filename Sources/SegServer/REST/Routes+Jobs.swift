internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegCore
internal import SegDICOM
internal import SegInference

extension Routes {
    /// Adds routes for jobs and their results.
    func addJobs(to table: RouteTable) {
        let services = services
        table.on(.post, "/api/v1/jobs") { request, context in
            let body = try await request.body.object(headers: request.headers, limits: services.limits)
            let optional = JobOptions.CodingKeys.allCases.map(\.rawValue)
            try body.allowOnly(["volume", "model"] + optional, in: "the body")
            guard let volume = body["volume"]?.string, let name = body["model"]?.string else {
                throw Refusal(.badRequest, "the body should name a volume and a model: {\"volume\": …, \"model\": …}")
            }
            let model = try services.catalog.model(name)
            let options = try JobOptions(body)
            let job = try await services.submit(
                services.scan(volume), model: model, options: options, for: context.clientName)
            return .json(try await document(of: job), status: .accepted)
        }
        table.on(.get, "/api/v1/jobs/{id}") { _, context in
            try await .json(document(of: services.queue.job(context.text("id"))))
        }
        table.on(.delete, "/api/v1/jobs/{id}") { _, context in
            try await services.queue.remove(services.queue.job(context.text("id")))
            return Response(status: .noContent)
        }
        table.on(.get, "/api/v1/jobs/{id}/report") { _, context in
            let job = try await finished(context)
            var response = Response.json(try ConfigValue(encoding: job.snapshot.report))
            response.headers[.contentDisposition] = "attachment; filename=\"\(job.scan.download("report.json"))\""
            return response
        }
        addMaps(to: table)
    }

    private func addMaps(to table: RouteTable) {
        table.on(.get, "/api/v1/jobs/{id}/mask") { request, context in
            let form = try MaskForm(RequestQuery(request, knows: "as"))
            let job = try await finished(context)
            guard let object = form.object else { return try await download(.mask, of: job, context: context) }
            return try await send(object, of: mask(of: job), scan: job.scan, context: context)
        }
        table.on(.get, "/api/v1/jobs/{id}/probabilities/{label}") { _, context in
            let job = try await finished(context)
            guard job.options.probabilities, let label = Int(try context.text("label")),
                job.model.labels.contains(where: { $0.number == label })
            else { throw Refusal.notFound("map; request it with \"probabilities\": true when the job is created") }
            return try await download(.probability(label), of: job, context: context)
        }
        table.on(.get, "/api/v1/jobs/{id}/uncertainty/{map}") { _, context in
            let job = try await finished(context)
            let isValidity = try context.text("map") == "validity" && job.snapshot.report?.uncertainty != nil
            let file: JobFile = try isValidity ? .validity : .uncertainty(map(of: job, context))
            return try await download(file, of: job, context: context)
        }
        table.on(.get, "/api/v1/jobs/{id}/voxels/mask") { _, context in
            try await .voxels(finished(context).path(.maskVoxels), context: context)
        }
        table.on(.get, "/api/v1/jobs/{id}/voxels/uncertainty/{map}") { _, context in
            let job = try await finished(context)
            return try await .voxels(job.path(.uncertaintyVoxels(map(of: job, context))), context: context)
        }
    }

    /// A job whose results are complete.
    /// - Throws: `Refusal` if there is no such job, or if the job is not done.
    func finished(_ context: RouteTable.Context) async throws -> Job {
        let job = try await services.queue.job(context.text("id"))
        let state = job.snapshot
        guard state.phase == .done else {
            throw Refusal(.conflict, "the job is \(state.phase.rawValue); its results exist when it is done")
        }
        return job
    }

    /// The mask of a finished job.
    func mask(of job: Job) -> WrittenMask {
        let names = Dictionary(uniqueKeysWithValues: job.model.labels.map { ($0.number, $0.name) })
        return WrittenMask(path: job.path(.mask), names: names, model: job.model.name, method: .automatic)
    }

    private func map(of job: Job, _ context: RouteTable.Context) throws -> UncertainPrediction.Quantity {
        guard let map = UncertainPrediction.Quantity(rawValue: try context.text("map")),
            job.snapshot.report?.uncertaintyMaps.contains(where: { $0.kind == map }) == true
        else { throw Refusal.notFound("map of this job") }
        return map
    }

    private func download(_ file: JobFile, of job: Job, context: RouteTable.Context) async throws -> Response {
        try await .file(job.path(file), as: job.scan.download(job.name(of: file)), context: context)
    }

    /// The document of a job in the REST API.
    private func document(of job: Job) async throws -> ConfigValue {
        let state = job.snapshot
        return [
            "id": .string(job.id), "volume": .string(job.scan.id), "model": .string(job.model.name),
            "state": .string(state.phase.rawValue), "stage": .string(state.stage),
            "place": .int(await services.queue.place(of: job)), "progress": .double(state.progress),
            "error": state.error.map { .string($0.detail) } ?? .null, "options": try ConfigValue(encoding: job.options),
            "report": try state.report.map { try ConfigValue(encoding: $0) } ?? .null,
        ]
    }
}
