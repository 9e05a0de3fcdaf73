internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegCore
internal import SegDICOM
internal import SegInference

/// The format of a downloaded mask.
enum MaskForm: String, CaseIterable {
    case nifti
    case dicomSeg = "dicom-seg"
    case dicomLabelmap = "dicom-labelmap"
    case rtstruct

    /// The kind of DICOM object; nil for a NIfTI.
    var object: DicomObject? {
        switch self {
        case .nifti: nil
        case .dicomSeg: .binary
        case .dicomLabelmap: .labelmap
        case .rtstruct: .structures
        }
    }

    /// Reads the format from a query.
    /// - Parameter usual: The format of a query that gives none.
    /// - Throws: `Refusal` if there is no such format.
    init(_ query: RequestQuery, else usual: MaskForm = .nifti) throws {
        guard let form = MaskForm(rawValue: query["as"] ?? usual.rawValue) else {
            throw Refusal(.badRequest, "'as' should be \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self = form
    }
}

/// Routes for masks that people corrected, for labels as the page shows them, and for DICOM objects of masks.
extension Routes {
    func addMasks(to table: RouteTable) {
        let services = services
        table.on(.post, "/api/v1/volumes/{id}/mask") { request, context in
            let query = try RequestQuery(request, knows: "as", "model", "method")
            let form = try MaskForm(query)
            let scan = try await services.scan(context.text("id"))
            let mask = try await written(of: scan, query, request)
            guard let object = form.object else {
                return try await .file(mask.path, as: scan.download("mask.nii.gz"), context: context)
                    .holding(mask.file)
            }
            return try await send(object, of: mask, scan: scan, context: context)
        }
        table.on(.get, "/api/v1/volumes/{id}/labels") { _, context in
            let image = try await services.datastore.image(study(context))
            return .json([
                "labels": .array(image.labels.sorted { $0.key < $1.key }.map { tag, label in label.document(tag) })
            ])
        }
        table.on(.get, "/api/v1/volumes/{id}/labels/{tag}/voxels") { _, context in
            let (image, tag) = (try await study(context), try context.text("tag"))
            let label = try await services.datastore.presentLabel(image, tag: tag)
            let scan = try await services.datastore.scan(image)
            let voxels = ScratchFile(".gz", in: services.scratch)
            try await services.reader.writeVoxels(
                ofLabel: services.datastore.path(label.file), scan: scan, to: voxels.path)
            try voxels.count()
            return try await .voxels(voxels.path, context: context).holding(voxels)
        }
        table.on(.put, "/api/v1/volumes/{id}/labels/{tag}") { request, context in
            let query = try RequestQuery(request, knows: "model", "method", "replace")
            let replaces = try query.isOn("replace")
            let (image, tag) = (try await study(context), try context.text("tag"))
            let scan = try await services.datastore.scan(image)
            let mask = try await written(of: scan, query, request)
            try await services.datastore.setLabel(
                mask.path, of: image, key: scan.id, tag: tag,
                info: [
                    "model": mask.model.map { .string($0) } ?? .null, "method": .string(mask.method.rawValue),
                    "corrected": .bool(mask.method != .automatic),
                ], replaces: replaces)
            withExtendedLifetime(mask.file) {}
            return .json(["image": .string(image), "tag": .string(tag)])
        }
    }

    /// The id of the datastore's image in a path.
    /// - Throws: `Refusal` if there is none.
    private func study(_ context: RouteTable.Context) async throws -> String {
        let key = try context.text("id")
        guard let image = await services.datastore.id(ofKey: key) else {
            throw Refusal.notFound("scan in the datastore; labels are stored only for its scans")
        }
        return image
    }

    /// Writes the voxels of a request as a mask of a scan.
    /// - Throws: `Refusal` if they are not voxels of the scan.
    func written(of scan: Scan, _ query: RequestQuery, _ request: Request) async throws -> WrittenMask {
        let model = try query["model"].map { try services.catalog.model($0) }
        let method = query["method"].map { DicomMask.Method(rawValue: $0) } ?? (model == nil ? .manual : .semiautomatic)
        guard let method else {
            let all = DicomMask.Method.allCases.map(\.rawValue).joined(separator: ", ")
            throw Refusal(.badRequest, "method should be \(all)")
        }
        // Bytes that cannot be compressed become slightly larger with gzip.
        var limits = services.limits
        let voxels = scan.facts.size.reduce(1, *)
        limits.bodyBytes = min(limits.bodyBytes, voxels + voxels / 1000 + 4096)
        let upload = try await request.body.file(headers: request.headers, into: services.scratch, limits: limits)
        try await upload.finish()
        let file = ScratchFile(".nii.gz", in: services.scratch)
        let numbers = try await services.reader.writeMask(ofVoxels: upload.path, scan: scan, to: file.path)
        try file.count()
        let known = Dictionary(uniqueKeysWithValues: model?.labels.map { ($0.number, $0.name) } ?? [])
        let unnamed = Dictionary(uniqueKeysWithValues: numbers.filter { $0 > 0 }.map { ($0, "label \($0)") })
        return WrittenMask(
            path: file.path, file: file, names: known.merging(unnamed) { known, _ in known },
            model: model?.name, method: method)
    }

    /// Responds with a DICOM object of a mask.
    /// - Throws: `Refusal` if the scan was not uploaded as DICOM, or its files cannot be referred to.
    func send(
        _ object: DicomObject, of mask: WrittenMask, scan: Scan, context: RouteTable.Context
    ) async throws -> Response {
        let (result, remarks) = try await made(object, of: mask, scan: scan, for: context.clientName)
        var response = try await Response.file(
            result.path, as: scan.download(String(object.ending.dropFirst())), type: "application/dicom",
            context: context)
        if !remarks.isEmpty {
            response.headers[.medsegRemarks] = remarks.joined(separator: " ")
                .addingPercentEncoding(withAllowedCharacters: .urlPathAllowed)
        }
        return response.holding(result)
    }

    /// Makes a DICOM object from a mask.
    /// - Parameter client: The client's name for its turns.
    /// - Returns: The file of the object, and notes for the user, one sentence each.
    /// - Throws: `Refusal` if the scan was not uploaded as DICOM, or its files cannot be referred to.
    func made(
        _ object: DicomObject, of mask: WrittenMask, scan: Scan, for client: String
    ) async throws -> (ScratchFile, [String]) {
        guard let origin = scan.dicom else {
            throw Refusal(
                .unprocessableContent,
                "the scan was not uploaded as DICOM, and a DICOM object must refer to DICOM files; request as=nifti"
            )
        }
        let result = ScratchFile(".dcm", in: services.scratch)
        let file = DicomMaskFile(path: mask.path, names: mask.names, model: mask.model, method: mask.method)
        let remarks = try await services.dicom.write(object, of: file, scan: origin, to: result.path, for: client)
        // The mask's file is deleted with its last reference; the process has read it by now.
        withExtendedLifetime(mask.file) {}
        try result.count()
        return (result, remarks)
    }
}

/// A mask of a scan on the server's disk.
struct WrittenMask {
    let path: String
    /// Keeps a file that was made for the request; nil if the mask belongs to a job.
    var file: ScratchFile?
    /// The class names by number.
    let names: [Int: String]
    /// The name of the model that defines the classes; nil if it is unknown.
    let model: String?
    let method: DicomMask.Method
}

extension StudyLabel {
    /// The document of a label in the REST API.
    fileprivate func document(_ tag: String) -> ConfigValue {
        [
            "tag": .string(tag), "model": info["model"]?.string.map { .string($0) } ?? .null,
            "method": info["method"]?.string.map { .string($0) } ?? .null, "missing": .bool(isMissing),
        ]
    }
}

extension HTTPField.Name {
    /// Remarks on a DICOM object for the user, percent-encoded.
    static let medsegRemarks = HTTPField.Name("MedSeg-Remarks")!
}

extension Scan {
    /// The name of a download: it begins with the scan's id, to distinguish results of several scans.
    func download(_ name: String) -> String { "\(id.prefix(12))_\(name)" }
}
