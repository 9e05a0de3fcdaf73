internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import SegCore

/// Routes for series of the archive, and for masks that are stored there.
extension Routes {
    /// Adds the routes of the archive.
    func addArchive(to table: RouteTable) {
        let services = services
        table.on(.get, "/api/v1/dicomweb/series") { request, context in
            let archive = try archive
            let query = try ArchiveQuery(request)
            let (list, hasMore) = try await archive.series(query, for: context.clientName)
            return .json([
                "series": .array(list.map { $0.series(showsPatient: query.showsPatient) }), "more": .bool(hasMore),
            ])
        }
        table.on(.post, "/api/v1/dicomweb/volumes") { request, context in
            let archive = try archive
            let choice = try DicomSelection(RequestQuery(request, knows: "series", "volume", "fill_gaps"))
            let body = try await request.body.object(headers: request.headers, limits: services.limits)
            try body.allowOnly(["study", "series"], in: "the body")
            guard let study = body["study"]?.string, let series = body["series"]?.string,
                ArchiveQuery.isUID(study), ArchiveQuery.isUID(series)
            else {
                throw Refusal(
                    .badRequest, "the body should contain the UIDs of a series: {\"study\": …, \"series\": …}")
            }
            try await services.sessions.checkRoom()
            let files = try await archive.files(study: study, series: series, for: context.clientName)
            // Files of other series in the archive's response are ignored.
            var selection = choice
            selection.series = choice.series ?? series
            let session = try await services.sessions.add(
                files, selection: selection, seconds: nil, of: context.clientName)
            return .json(try session.scan.document(source: "upload"), status: .created)
        }
        table.on(.post, "/api/v1/jobs/{id}/dicomweb") { request, context in
            let archive = try archive
            let object = try MaskForm(RequestQuery(request, knows: "as"), else: .dicomSeg).archived
            let job = try await finished(context)
            return try await store(object, of: mask(of: job), scan: job.scan, in: archive, context)
        }
        table.on(.post, "/api/v1/volumes/{id}/dicomweb") { request, context in
            let archive = try archive
            let query = try RequestQuery(request, knows: "as", "model", "method")
            let object = try MaskForm(query, else: .dicomSeg).archived
            let scan = try await services.scan(context.text("id"))
            return try await store(object, of: written(of: scan, query, request), scan: scan, in: archive, context)
        }
    }

    /// The server's archive.
    /// - Throws: `Refusal` if the server has none.
    private var archive: Archive {
        get throws {
            guard let archive = services.archive else {
                throw Refusal(.notImplemented, "this server has no archive; start it with --dicomweb")
            }
            return archive
        }
    }

    private func store(
        _ object: DicomObject, of mask: WrittenMask, scan: Scan, in archive: Archive, _ context: RouteTable.Context
    ) async throws -> Response {
        let (file, remarks) = try await made(object, of: mask, scan: scan, for: context.clientName)
        let receipt = try await archive.store(file.path, for: context.clientName)
        withExtendedLifetime(file) {}
        services.logger.info("object stored in the archive")
        return .json(
            [
                "instance": .string(receipt.instance),
                "remarks": .array((remarks + receipt.remarks).map { .string($0) }),
            ], status: .created)
    }
}

extension MaskForm {
    /// The DICOM object of the format, which an archive can store.
    /// - Throws: `Refusal` if the format is not a DICOM object.
    fileprivate var archived: DicomObject {
        get throws {
            guard let object else {
                let forms = Self.allCases.filter { $0.object != nil }.map(\.rawValue)
                throw Refusal(
                    .badRequest, "an archive stores only DICOM; 'as' should be \(forms.joined(separator: ", "))")
            }
            return object
        }
    }
}

extension ConfigValue {
    /// The document of a series of the archive in the REST API.
    fileprivate func series(showsPatient: Bool) -> ConfigValue {
        func value(_ tag: ArchiveTag) -> ConfigValue { text(tag).map { .string($0) } ?? .null }
        var members: [String: ConfigValue] = [
            "study": value(.study), "series": value(.series), "modality": value(.modality),
            "description": value(.description), "images": number(.images).map { .int($0) } ?? .null,
        ]
        if showsPatient {
            members["patient_name"] = value(.patientName)
            members["patient_id"] = value(.patientID)
            members["date"] = value(.studyDate)
        }
        return .object(members)
    }
}
