internal import SegCore
internal import Foundation
internal import HTTPTypes
internal import Hummingbird

extension Routes {
    /// Scans that a client uploads for a while.
    func addSessions(to table: RouteTable) {
        let services = services
        table.on(.put, "/session") { request, _ in
            let query = RequestQuery(request)
            guard !query.flag("uncompress") else {
                throw Refusal(.notImplemented, "archives are not unpacked; send one .nii or .nii.gz file")
            }
            try await services.sessions.checkRoom()
            let form = try await MultipartForm(
                request.body, headers: request.headers, into: services.scratch, limits: services.limits)
            let session = try await services.sessions.add(
                form.onlyFile("files", "file"),
                seconds: query["expiry"].flatMap { Double($0) }.flatMap { $0 > 0 ? $0 : nil })
            return .json(["session_id": .string(session.scan.id), "session_info": session.info])
        }
        table.on(.get, "/session/{id}") { request, context in
            guard let session = await services.sessions.use(try context.text("id")) else {
                throw Refusal.notFound("session")
            }
            guard RequestQuery(request).flag("image") else { return .json(session.info) }
            return try await .file(
                session.scan.path,
                as: StudyImage.fileName(id: session.scan.id, Scan.fileExtension(of: session.scan.path)),
                context: context)
        }
        table.on(.delete, "/session/{id}") { _, context in
            .json(try await services.endSession(context.text("id")).info)
        }
    }

    /// Parts of the protocol that this server does not play: it answers so that clients go on.
    func addUnsupported(to table: RouteTable) {
        for task in ["train", "scoring"] {
            table.on(.get, "/\(task)") { _, _ in throw Refusal(.notFound, "no \(task) task is running") }
            table.on(.delete, "/\(task)") { _, _ in .json(["status": "NOT RUNNING"]) }
            let advice = task == "train" ? "train with `medseg train`" : "measure with `medseg evaluate`"
            for address in ["/\(task)", "/\(task)/{name}"] {
                table.on(.post, address) { _, _ in
                    throw Refusal(.notImplemented, "this server predicts; \(advice)")
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
