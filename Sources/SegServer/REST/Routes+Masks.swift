internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegCore
internal import SegDICOM
internal import SegInference

/// What a mask may be downloaded as.
enum MaskForm: String, CaseIterable {
    case nifti
    case dicomSeg = "dicom-seg"
    case dicomLabelmap = "dicom-labelmap"
    case rtstruct

    /// The DICOM object; nil for a NIfTI.
    var object: DicomObject? {
        switch self {
        case .nifti: nil
        case .dicomSeg: .binary
        case .dicomLabelmap: .labelmap
        case .rtstruct: .structures
        }
    }

    /// The form that a query asks for, or the usual one.
    /// - Throws: `Refusal` where there is none such.
    init(_ query: RequestQuery, else usual: MaskForm = .nifti) throws {
        guard let form = MaskForm(rawValue: query["as"] ?? usual.rawValue) else {
            throw Refusal(.badRequest, "as should be \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        self = form
    }
}

/// Masks that people corrected, labels as a page shows them, and DICOM objects of masks.
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

    /// The id of the image of the datastore that an address names.
    /// - Throws: `Refusal` where there is none.
    private func study(_ context: RouteTable.Context) async throws -> String {
        let key = try context.text("id")
        guard let image = await services.datastore.id(ofKey: key) else {
            throw Refusal.notFound("scan in the datastore; labels are kept of its scans alone")
        }
        return image
    }

    /// Writes the voxels that came with a request as a mask of a scan.
    /// - Throws: `Refusal` where they are no voxels of the scan.
    func written(of scan: Scan, _ query: RequestQuery, _ request: Request) async throws -> WrittenMask {
        let model = try query["model"].map { try services.catalog.model($0) }
        let method = query["method"].map { DicomMask.Method(rawValue: $0) } ?? (model == nil ? .manual : .semiautomatic)
        guard let method else {
            let all = DicomMask.Method.allCases.map(\.rawValue).joined(separator: ", ")
            throw Refusal(.badRequest, "method should be \(all)")
        }
        // Bytes that nothing compresses take a little more as gzip.
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

    /// Answers with a DICOM object of a mask.
    /// - Throws: `Refusal` where the scan came not as DICOM, or its files cannot be referred to.
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

    /// Makes a DICOM object of a mask.
    /// - Parameter client: Who asks, as turns are counted.
    /// - Returns: Its file, and what a reader should know, a sentence each.
    /// - Throws: `Refusal` where the scan came not as DICOM, or its files cannot be referred to.
    func made(
        _ object: DicomObject, of mask: WrittenMask, scan: Scan, for client: String
    ) async throws -> (ScratchFile, [String]) {
        guard let origin = scan.dicom else {
            throw Refusal(
                .unprocessableContent,
                "the scan came not as DICOM, so that a DICOM object of its mask would have no files to refer to; ask for as=nifti"
            )
        }
        let result = ScratchFile(".dcm", in: services.scratch)
        let file = DicomMaskFile(path: mask.path, names: mask.names, model: mask.model, method: mask.method)
        let remarks = try await services.dicom.write(object, of: file, scan: origin, to: result.path, for: client)
        // The mask goes with the request, and is read until here.
        withExtendedLifetime(mask.file) {}
        try result.count()
        return (result, remarks)
    }
}

/// A mask of a scan on the server's disk.
struct WrittenMask {
    let path: String
    /// Keeps a file that was made for the request; nil where the mask is a job's.
    var file: ScratchFile?
    /// Names of the classes by number.
    let names: [Int: String]
    /// What the model is called whose classes the numbers are; nil where none is known.
    let model: String?
    let method: DicomMask.Method
}

extension StudyLabel {
    /// A label as the REST API describes it.
    fileprivate func document(_ tag: String) -> ConfigValue {
        [
            "tag": .string(tag), "model": info["model"]?.string.map { .string($0) } ?? .null,
            "method": info["method"]?.string.map { .string($0) } ?? .null, "missing": .bool(isMissing),
        ]
    }
}

extension HTTPField.Name {
    /// What a reader of a DICOM object should know, percent-encoded.
    static let medsegRemarks = HTTPField.Name("MedSeg-Remarks")!
}

extension Scan {
    /// A download's name: whose it is comes first, so that results of several scans are told apart.
    func download(_ name: String) -> String { "\(id.prefix(12))_\(name)" }
}
