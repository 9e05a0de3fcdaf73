internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegCore

extension Routes {
    /// Adds routes for scans that a client uploads for a limited time.
    func addSessions(to table: RouteTable) {
        let services = services
        table.on(.put, "/session") { request, context in
            let query = try RequestQuery(request, knows: "uncompress", "expiry")
            let expiry = try query.int("expiry", from: 0)
            guard try !query.isOn("uncompress") else {
                throw Refusal(
                    .notImplemented,
                    "uncompress is not supported: only a ZIP of a DICOM series is unpacked, without uncompress; send one scan"
                )
            }
            try await services.sessions.checkRoom()
            let form = try await MultipartForm(
                request.body, headers: request.headers, into: services.scratch, limits: services.limits)
            try form.allowOnly(fields: ["client_id", "params"], files: ["files", "file"])
            let session = try await services.sessions.add(
                [form.onlyFile("files", "file")], seconds: expiry.flatMap { $0 > 0 ? Double($0) : nil },
                of: context.clientName)
            return .json(["session_id": .string(session.scan.id), "session_info": session.info])
        }
        table.on(.get, "/session/{id}") { request, context in
            let query = try RequestQuery(request, knows: "image", "update_ts")
            let (wantsImage, renews) = (try query.isOn("image"), try query.isOn("update_ts"))
            let id = try context.text("id")
            let sessions = services.sessions
            let found = wantsImage || renews ? await sessions.use(id) : await sessions.session(id)
            guard let session = found else { throw Refusal.notFound("session") }
            guard wantsImage else { return .json(session.info) }
            return try await .file(
                session.scan.path,
                as: StudyImage.fileName(id: session.scan.id, StudyName.ending(of: session.scan.path)),
                context: context)
        }
        table.on(.delete, "/session/{id}") { _, context in
            .json(try await services.endSession(context.text("id")).info)
        }
    }

    /// Adds routes for parts of the protocol that are not supported: they answer in a way that lets clients continue.
    func addUnsupported(to table: RouteTable) {
        for task in ["train", "scoring"] {
            table.on(.get, "/\(task)") { _, _ in throw Refusal(.notFound, "no \(task) task is running") }
            table.on(.delete, "/\(task)") { _, _ in .json(["status": "NOT RUNNING"]) }
            let advice = task == "train" ? "train with `medseg train`" : "measure with `medseg evaluate`"
            for address in ["/\(task)", "/\(task)/{name}"] {
                table.on(.post, address) { _, _ in
                    throw Refusal(.notImplemented, "this server only predicts; \(advice)")
                }
            }
        }
        for method in [HTTPRequest.Method.put, .delete] {
            table.on(method, "/model/{model}") { _, _ in
                throw Refusal(.notImplemented, "models are changed in the server's folder of models")
            }
        }
        table.on(.get, "/datastore/dataset") { _, _ in
            throw Refusal(.notImplemented, "the datastore is not packed; download its images and labels one by one")
        }
    }
}
