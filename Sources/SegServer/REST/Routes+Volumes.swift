internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegBackend
internal import SegCore
internal import SegImaging
internal import SegInference

extension Routes {
    /// Adds routes for models, and for the scans to run them on.
    func addModelsAndVolumes(to table: RouteTable) {
        let services = services
        table.on(.get, "/api/v1/models") { _, _ in
            .json([
                "models": .array(try services.catalog.models.map { try $0.document }),
                "colours": .array(LabelColours.running.map { .string(LabelColours.css($0)) }),
                "device": .string(services.engine.device),
                "limits": [
                    "body_bytes": .int(services.limits.bodyBytes), "voxels": .int(services.limits.voxels),
                    "session_seconds": .double(services.limits.sessionSeconds),
                ], "token": .bool(services.access.isEnabled), "dicomweb": .bool(services.archive != nil),
            ])
        }
        table.on(.get, "/api/v1/volumes") { _, _ in
            let images = await services.datastore.all().sorted { $0.key < $1.key }
            return .json([
                "volumes": .array(
                    images.map { id, image in
                        [
                            "id": .string(image.key), "name": .string(id), "missing": .bool(image.isMissing),
                            "labels": .array(image.labels.keys.sorted().map { .string($0) }),
                        ]
                    })
            ])
        }
        table.on(.post, "/api/v1/volumes") { request, context in
            let selection = try DicomSelection(RequestQuery(request, knows: "series", "volume", "fill_gaps"))
            try await services.sessions.checkRoom()
            let session = try await services.sessions.add(
                files(of: request), selection: selection, seconds: nil, of: context.clientName)
            return .json(try session.scan.document(source: "upload"), status: .created)
        }
        table.on(.get, "/api/v1/volumes/{id}") { _, context in
            let id = try context.text("id")
            let isUpload = await services.sessions.use(id) != nil
            return .json(try await services.scan(id).document(source: isUpload ? "upload" : "studies"))
        }
        table.on(.delete, "/api/v1/volumes/{id}") { _, context in
            _ = try await services.endSession(context.text("id"))
            return Response(status: .noContent)
        }
        table.on(.get, "/api/v1/volumes/{id}/voxels") { _, context in
            try await .voxels(services.scan(context.text("id")).voxels, context: context)
        }
        table.on(.get, "/api/v1/volumes/{id}/concerns") { request, context in
            let scan = try await services.scan(context.text("id"))
            let model = try services.catalog.model(RequestQuery(request).require("model"))
            return .json(["concerns": try ConfigValue(encoding: model.concerns(about: scan))])
        }
    }

    /// The files of an upload: the files of a form, or the body.
    /// - Throws: `Refusal` if there is no file, or if the form is not valid.
    private func files(of request: Request) async throws -> sending [FileSink] {
        guard (request.headers[.contentType] ?? "").lowercased().hasPrefix("multipart/") else {
            return try await [
                request.body.file(headers: request.headers, into: services.scratch, limits: services.limits)
            ]
        }
        let form = try await MultipartForm(
            request.body, headers: request.headers, into: services.scratch, limits: services.limits,
            mostFiles: Limits.formFiles)
        try form.allowOnly(fields: [], files: ["file"])
        guard !form.files.isEmpty else {
            throw Refusal(
                .badRequest, "the form should have a file named 'file', the files of a series, or the scans of a case")
        }
        return form.files.map(\.sink)
    }
}

extension ModelEntry {
    /// The document of a model in the REST API.
    var document: ConfigValue {
        get throws {
            let preprocessing = description.preprocessing
            return [
                "name": .string(name), "network": .string(network), "classes": .int(classes),
                "channels": .int(channels),
                "labels": .array(
                    labels.map { number, name in
                        let colour = LabelColours.css(LabelColours.colour(of: name, number: number))
                        return ["label": .int(number), "name": .string(name), "colour": .string(colour)]
                    }),
                "dropout": .double(dropout),
                "spacing": preprocessing.pixdim.map { .array($0.map { .double($0) }) } ?? .null,
                "orientation": preprocessing.orientation.map { .string($0) } ?? .null,
                "intensity": preprocessing.window.map { .array([.double($0.aMin), .double($0.aMax)]) } ?? .null,
                "roi_size": description.roiSize.map { .array($0.array.map { .int($0) }) } ?? .null,
            ]
        }
    }
}

extension DicomSelection {
    /// Reads the choice of a volume from a query.
    /// - Throws: `Refusal` if a value is not valid.
    init(_ query: RequestQuery) throws {
        self.init(
            series: query["series"], volume: try query.int("volume", from: 1), fillsGaps: try query.isOn("fill_gaps"))
    }
}

extension Scan {
    /// The document of a scan in the REST API.
    func document(source: String) throws -> ConfigValue {
        var members = try ConfigValue(encoding: facts).members
        members["id"] = .string(id)
        members["source"] = .string(source)
        members["dicom"] = .bool(dicom != nil)
        members["channels"] = .int(channels.count)
        return .object(members)
    }
}
