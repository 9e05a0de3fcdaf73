internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegCore

extension Routes {
    /// Adds routes for images of the datastore.
    func addImages(to table: RouteTable) {
        let services = services
        table.on(.get, "/datastore") { request, _ in
            switch try RequestQuery(request, knows: "output")["output"] {
            case "all": .json(await everything())
            case "train": .json(await pairs())
            case nil, "stats": .json(await statistics())
            default: throw Refusal(.badRequest, "output should be all, stats or train")
            }
        }
        for address in ["/datastore", "/datastore/image"] {
            table.on(.put, address) { request, _ in
                let id = try RequestQuery(request, knows: "image")["image"]
                let form = try await MultipartForm(
                    request.body, headers: request.headers, into: services.scratch, limits: services.limits)
                try form.allowOnly(fields: ["params"], files: ["file"])
                let info = try form.object("params").members
                let image = try await services.datastore.add(form.onlyFile("file"), id: id, info: info)
                return .json(["image": .string(image)])
            }
            table.on(.delete, address) { request, _ in
                try await services.datastore.remove(RequestQuery(request, knows: "id").require("id"))
                return .json([:])
            }
        }
        table.on(.get, "/datastore/image") { request, context in
            let id = try RequestQuery(request, knows: "image").require("image")
            let image = try await services.datastore.presentImage(id)
            return try await .file(
                services.datastore.path(image.file), as: StudyImage.fileName(id: id, StudyName.ending(of: image.file)),
                context: context)
        }
        table.on(.head, "/datastore/image") { request, _ in
            let query = try RequestQuery(request, knows: "image", "check_sum")
            guard query["check_sum"] == nil else { throw Refusal(.notImplemented, "checksums are not kept") }
            _ = try await services.datastore.presentImage(query.require("image"))
            return Response(status: .ok)
        }
        table.on(.get, "/datastore/image/info") { request, _ in
            let id = try RequestQuery(request, knows: "image").require("image")
            return .json(.object(try await services.datastore.image(id).notes(id: id)))
        }
        table.on(.put, "/datastore/image/info") { request, _ in
            let id = try RequestQuery(request, knows: "image").require("image")
            let info = try await info(in: request)
            try await services.datastore.note(info, of: id, tag: nil)
            return .json(.object(try await services.datastore.image(id).notes(id: id)))
        }
    }

    /// Adds routes for labels of the datastore.
    func addLabels(to table: RouteTable) {
        let services = services
        table.on(.put, "/datastore/label") { request, _ in
            let query = try RequestQuery(request, knows: "image", "tag")
            let id = try query.require("image")
            _ = try await services.datastore.presentImage(id)
            let form = try await MultipartForm(
                request.body, headers: request.headers, into: services.scratch, limits: services.limits)
            try form.allowOnly(fields: ["params"], files: ["label", "file"])
            let tag = query["tag"] ?? StudyImage.finalTag
            try await services.datastore.addLabel(
                form.onlyFile("label", "file"), of: id, tag: tag, info: form.object("params").members)
            return .json(["image": .string(id), "label": .string(id)])
        }
        table.on(.get, "/datastore/label") { request, context in
            let (id, label) = try await label(of: request, isPresent: true)
            return try await .file(
                services.datastore.path(label.file), as: StudyImage.fileName(id: id, StudyName.ending(of: label.file)),
                context: context)
        }
        table.on(.head, "/datastore/label") { request, _ in
            _ = try await label(of: request, isPresent: true)
            return Response(status: .ok)
        }
        table.on(.delete, "/datastore/label") { request, _ in
            let query = try RequestQuery(request, knows: "id", "tag")
            try await services.datastore.removeLabel(query.require("id"), tag: query["tag"] ?? StudyImage.finalTag)
            return .json([:])
        }
        table.on(.get, "/datastore/label/info") { request, _ in
            .json(.object(try await label(of: request).label.info))
        }
        for address in ["/datastore/label/info", "/datastore/updatelabelinfo"] {
            table.on(.put, address) { request, _ in
                let query = try RequestQuery(request, knows: "label", "tag")
                let info = try await info(in: request)
                try await services.datastore.note(
                    info, of: query.require("label"), tag: query["tag"] ?? StudyImage.finalTag)
                return .json(.object(try await label(of: request).label.info))
            }
        }
    }

    /// The label of a query, given as `label` or, by some clients, as `image`.
    /// - Parameter isPresent: Whether its file must exist.
    private func label(
        of request: Request, isPresent: Bool = false
    ) async throws -> (id: String, label: StudyLabel) {
        let query = try RequestQuery(request, knows: "label", "image", "tag")
        let id = try query["label"] ?? query.require("image")
        let tag = query["tag"] ?? StudyImage.finalTag
        let datastore = services.datastore
        return (id, try await isPresent ? datastore.presentLabel(id, tag: tag) : datastore.label(id, tag: tag))
    }

    /// The notes in a form's field `info`, or `params` for older clients.
    private func info(in request: Request) async throws -> [String: ConfigValue] {
        let (_, notes) = try await request.body.form(
            of: ["info", "params"], files: [], headers: request.headers, into: services.scratch,
            limits: services.limits)
        return notes.members
    }

    private func everything() async -> ConfigValue {
        let images = await services.datastore.all()
        let objects = images.map { id, image -> (String, ConfigValue) in
            let labels = image.labels.mapValues { label in
                Self.entry(label.file, label.info, isMissing: label.isMissing)
            }
            let file = Self.entry(image.file, image.notes(id: id), isMissing: image.isMissing)
            return (id, ["image": file, "labels": .object(labels)])
        }
        return [
            "name": "MedSeg", "description": "", "objects": .object(Dictionary(uniqueKeysWithValues: objects)),
        ]
    }

    /// A file's entry for MONAI Label's clients, with a mark if the file is missing.
    private static func entry(
        _ file: String, _ info: [String: ConfigValue], isMissing: Bool
    ) -> ConfigValue {
        let entry: [String: ConfigValue] = ["ext": .string(StudyName.ending(of: file)), "info": .object(info)]
        return .object(isMissing ? entry.merging(["missing": true]) { $1 } : entry)
    }

    /// The images with a finished label, if both files exist. The files are given by their names inside the datastore: clients
    /// have no use for paths of this machine.
    private func pairs() async -> ConfigValue {
        let images = await services.datastore.all().sorted { $0.key < $1.key }
        return .array(
            images.compactMap { _, image in
                guard !image.isMissing, let label = image.labels[StudyImage.finalTag], !label.isMissing else {
                    return nil
                }
                return ["image": .string(image.file), "label": .string(label.file)]
            })
    }
}
