internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegCore

extension Routes {
    /// Images of the datastore.
    func addImages(to table: RouteTable) {
        let services = services
        table.on(.get, "/datastore") { request, _ in
            switch RequestQuery(request)["output"] {
            case "all": .json(await everything())
            case "train": .json(await pairs())
            case nil, "stats": .json(await statistics())
            default: throw Refusal(.badRequest, "output should be all, stats or train")
            }
        }
        for address in ["/datastore", "/datastore/image"] {
            table.on(.put, address) { request, _ in
                let id = RequestQuery(request)["image"]
                let form = try await MultipartForm(
                    request.body, headers: request.headers, into: services.scratch, limits: services.limits)
                let info = try form.object("params").members
                let image = try await services.datastore.add(form.onlyFile("file"), id: id, info: info)
                return .json(["image": .string(image)])
            }
            table.on(.delete, address) { request, _ in
                try await services.datastore.remove(RequestQuery(request).require("id"))
                return .json([:])
            }
        }
        table.on(.get, "/datastore/image") { request, context in
            let id = try RequestQuery(request).require("image")
            let image = try await services.datastore.image(id)
            return try await .file(
                services.datastore.path(image.file), as: StudyImage.fileName(id: id, image.fileExtension),
                context: context)
        }
        table.on(.head, "/datastore/image") { request, _ in
            let query = RequestQuery(request)
            guard query["check_sum"] == nil else { throw Refusal(.notImplemented, "checksums are not kept") }
            _ = try await services.datastore.image(query.require("image"))
            return Response(status: .ok)
        }
        table.on(.get, "/datastore/image/info") { request, _ in
            let id = try RequestQuery(request).require("image")
            return .json(.object(try await services.datastore.image(id).notes(id: id)))
        }
        table.on(.put, "/datastore/image/info") { request, _ in
            let info = try await info(in: request)
            let id = try RequestQuery(request).require("image")
            try await services.datastore.note(info, of: id, tag: nil)
            return .json(.object(try await services.datastore.image(id).notes(id: id)))
        }
    }

    /// Labels of the datastore.
    func addLabels(to table: RouteTable) {
        let services = services
        table.on(.put, "/datastore/label") { request, _ in
            let query = RequestQuery(request)
            let id = try query.require("image")
            _ = try await services.datastore.image(id)
            let form = try await MultipartForm(
                request.body, headers: request.headers, into: services.scratch, limits: services.limits)
            let tag = query["tag"] ?? StudyImage.finalTag
            try await services.datastore.addLabel(
                form.onlyFile("label", "file"), of: id, tag: tag, info: form.object("params").members)
            return .json(["image": .string(id), "label": .string(id)])
        }
        table.on(.get, "/datastore/label") { request, context in
            let (id, label) = try await label(of: request)
            return try await .file(
                services.datastore.path(label.file), as: StudyImage.fileName(id: id, label.fileExtension),
                context: context)
        }
        table.on(.head, "/datastore/label") { request, _ in
            _ = try await label(of: request)
            return Response(status: .ok)
        }
        table.on(.delete, "/datastore/label") { request, _ in
            let query = RequestQuery(request)
            try await services.datastore.removeLabel(query.require("id"), tag: query["tag"] ?? StudyImage.finalTag)
            return .json([:])
        }
        table.on(.get, "/datastore/label/info") { request, _ in
            .json(.object(try await label(of: request).label.info))
        }
        for address in ["/datastore/label/info", "/datastore/updatelabelinfo"] {
            table.on(.put, address) { request, _ in
                let info = try await info(in: request)
                let query = RequestQuery(request)
                try await services.datastore.note(
                    info, of: query.require("label"), tag: query["tag"] ?? StudyImage.finalTag)
                return .json(.object(try await label(of: request).label.info))
            }
        }
    }

    /// The label that a query names, as `label` or, as some clients do, as `image`.
    private func label(of request: Request) async throws -> (id: String, label: StudyLabel) {
        let query = RequestQuery(request)
        let id = try query["label"] ?? query.require("image")
        return (id, try await services.datastore.label(id, tag: query["tag"] ?? StudyImage.finalTag))
    }

    /// The notes in a form's field `info`, or `params` as older clients call it.
    private func info(in request: Request) async throws -> [String: ConfigValue] {
        if (request.headers[.contentType] ?? "").lowercased().hasPrefix("multipart/") {
            let form = try await MultipartForm(
                request.body, headers: request.headers, into: services.scratch, limits: services.limits)
            return try form.object("info").members.merging(form.object("params").members) { $1 }
        }
        let form = try await request.body.fields(headers: request.headers, limit: services.limits.fieldBytes)
        let text = form["info"] ?? form["params"] ?? "{}"
        return try await DocumentReader.shared.json(Array(text.utf8), named: "the field 'info'").members
    }

    private func everything() async -> ConfigValue {
        let images = await services.datastore.all()
        let objects = images.map { id, image -> (String, ConfigValue) in
            let labels = image.labels.mapValues { label -> ConfigValue in
                ["ext": .string(label.fileExtension), "info": .object(label.info)]
            }
            let entry: ConfigValue = [
                "image": ["ext": .string(image.fileExtension), "info": .object(image.notes(id: id))],
                "labels": .object(labels),
            ]
            return (id, entry)
        }
        return [
            "name": "MedSeg", "description": "", "objects": .object(Dictionary(uniqueKeysWithValues: objects)),
        ]
    }

    /// Images with finished labels, by names inside the datastore; a client has no use for paths of this machine.
    private func pairs() async -> ConfigValue {
        let images = await services.datastore.all().sorted { $0.key < $1.key }
        return .array(
            images.compactMap { _, image in
                image.labels[StudyImage.finalTag].map { ["image": .string(image.file), "label": .string($0.file)] }
            })
    }
}

extension ConfigValue {
    /// The members of an object; of anything else none.
    var members: [String: ConfigValue] {
        guard case .object(let members) = self else { return [:] }
        return members
    }
}
