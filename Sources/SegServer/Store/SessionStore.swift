internal import Foundation
internal import HTTPTypes
internal import SegCore
internal import SegDICOM
internal import SegData
internal import SegImaging
internal import SegInference

/// The input of jobs on disk: a scan, or the scans of a case, which are its channels.
struct Scan: Hashable, Sendable {
    /// A further scan of the case.
    struct Channel: Hashable, Sendable {
        let path: String
        let facts: ScanFacts
    }

    /// The server's id.
    let id: String
    /// The file of the scan, or of the first channel. The other channels are resampled to its grid, which masks have too.
    let path: String
    /// The file of the voxels of `path` in the page's form.
    let voxels: String
    let facts: ScanFacts
    /// The channels after the first, in the model's order.
    var further: [Channel] = []
    /// The DICOM files that the scan was made from; nil if it was uploaded in another format.
    var dicom: DicomOrigin?

    /// The file of each channel.
    var channels: [String] { [path] + further.map(\.path) }
}

/// An uploaded scan that is deleted when its session ends or expires.
struct Session: Sendable {
    let scan: Scan
    let folder: String
    let bytes: Int
    let created: Date
    var lastUsed: Date
    let seconds: Double

    func isExpired(at now: Date) -> Bool { now.timeIntervalSince(lastUsed) > seconds }

    /// The document of a session for MONAI Label's clients, without paths of this machine.
    var info: ConfigValue {
        [
            "name": .string(scan.id), "path": .string(scan.id),
            "image": .string(scan.id + StudyName.ending(of: scan.path)), "meta": [:],
            "create_ts": .int(Int(created.timeIntervalSince1970)),
            "last_access_ts": .int(Int(lastUsed.timeIntervalSince1970)), "expiry": .int(Int(seconds)),
        ]
    }
}

/// Uploaded scans, by id.
actor SessionStore {
    private let scratch: Scratch
    private let reader: ScanReader
    private let dicom: DicomReader
    private let limits: ServerLimits
    /// The numbers of channels of the server's models.
    private let channelCounts: Set<Int>
    private var sessions: [String: Session] = [:]
    /// The number of uploads that are being checked; they count against the limit.
    private var arriving = 0

    init(
        scratch: Scratch, reader: ScanReader, dicom: DicomReader, limits: ServerLimits, channelCounts: Set<Int>
    ) {
        self.channelCounts = channelCounts
        self.scratch = scratch
        self.reader = reader
        self.dicom = dicom
        self.limits = limits
    }

    /// Refuses an upload, before its body is read, if no session is free.
    /// - Throws: `Refusal` if the maximum number of sessions exists.
    func checkRoom() throws {
        guard sessions.count + arriving < limits.sessions else {
            throw Refusal(
                .tooManyRequests, "the server already has \(limits.sessions) uploaded scans; delete one or wait")
        }
    }

    /// Creates a session from a complete upload.
    /// - Parameters:
    ///   - upload: A scan, a ZIP of DICOM files, several DICOM files, or the scans of a case, numbered by their names or in
    ///     the order of a model's channels.
    ///   - selection: The choice of a volume of DICOM files.
    ///   - client: The client's name for its turns at the reader of DICOM.
    /// - Throws: `Refusal` or `DataError` if the upload is not a valid scan or too large, or no session is free.
    func add(
        _ upload: sending [FileSink], selection: DicomSelection = DicomSelection(), seconds: Double?, of client: String
    ) async throws -> Session {
        try checkRoom()
        arriving += 1
        defer { arriving -= 1 }
        let id = Scratch.makeID()
        let folder = try scratch.makeFolder("session-\(id)")
        var bytes = 0
        do {
            for file in upload {
                try await file.keep()
                bytes += file.count
            }
            let placed = try place(upload.map(\.path), named: upload.map(\.clientName), in: folder, selection)
            let (paths, origin) = (placed.scans, placed.origin)
            var remarks = placed.remarks
            if let origin { remarks = try await dicom.readScan(origin, to: paths[0], for: client) }
            let voxels = "\(folder)/voxels.gz"
            var facts = try await reader.inspect(paths, voxels: voxels)
            if !remarks.isEmpty { facts[0].remarks = (facts[0].remarks ?? []) + remarks }
            let made = Scratch.size(of: voxels) + (origin == nil ? 0 : Scratch.size(of: paths[0]))
            try scratch.budget.reserve(made)
            bytes += made
            let session = Session(
                scan: Scan(
                    id: id, path: paths[0], voxels: voxels, facts: facts[0],
                    further: zip(paths, facts).dropFirst().map { Scan.Channel(path: $0, facts: $1) }, dicom: origin),
                folder: folder, bytes: bytes, created: Date(), lastUsed: Date(),
                seconds: min(max(60, seconds ?? .infinity), limits.sessionSeconds))
            sessions[id] = session
            return session
        } catch {
            for file in upload { unlink(file.path) }
            scratch.remove(folder, bytes: bytes)
            throw error
        }
    }

    /// Moves the files of an upload into the session's folder.
    /// - Parameter names: The client's names for the files.
    /// - Returns: The path of each channel's scan, and a sentence if it is not the order of the upload. A scan from DICOM files
    ///   does not exist yet; the DICOM files are the origin.
    /// - Throws: `Refusal` or `DataError` if the upload is not a valid scan, no model takes that many scans, or they are named
    ///   as those of several cases.
    private func place(
        _ upload: [String], named names: [String?], in folder: String, _ selection: DicomSelection
    ) throws -> (scans: [String], origin: DicomOrigin?, remarks: [String]) {
        let endings = upload.map { DicomSource.isDicom($0) ? nil : try? ScanFile.ending(byContentOf: $0) }
        let areScans = upload.count > 1 && endings.allSatisfy { $0 != nil }
        guard areScans || upload.count == 1 && !DicomSource.isDicom(upload[0]) else {
            if upload.count > 1, let number = endings.firstIndex(where: { $0 != nil }) {
                throw Refusal(
                    .badRequest,
                    "file \(number + 1) of the form is a whole scan, but other files are DICOM or not scans; send the files of "
                        + "one DICOM series, or the scans of one case as NIfTI, NRRD or MetaImage")
            }
            let files = "\(folder)/dicom"
            guard mkdir(files, 0o700) == 0 else { throw Self.unkept }
            for (number, path) in upload.enumerated() {
                guard rename(path, "\(files)/\(number + 1).dcm") == 0 else { throw Self.unkept }
            }
            // A ZIP is recognised by its content, whatever its name.
            let source = upload.count == 1 ? "\(files)/1.dcm" : files
            return (["\(folder)/scan.nii.gz"], DicomOrigin(source: source, choice: selection), [])
        }
        guard !selection.isMade else {
            throw Refusal(
                .badRequest, "series, volume and fill_gaps are for DICOM, but the upload is not DICOM; leave them out")
        }
        guard upload.count == 1 || channelCounts.contains(upload.count) else {
            let counts = channelCounts.sorted().map(String.init).joined(separator: " or ")
            throw Refusal(
                .badRequest,
                "the form has \(upload.count) scans, but the models here take \(counts) for a case; send one scan for each "
                    + "channel of a model, in the order of its channels")
        }
        let order = try CaseChannels.order(named: names)
        let scans = try order.enumerated().map { channel, number in
            let path = upload[number]
            let scan = try "\(folder)/scan\(channel == 0 ? "" : "_\(channel)")\(ScanFile.ending(byContentOf: path))"
            guard rename(path, scan) == 0 else { throw Self.unkept }
            return scan
        }
        let remark = "the channels are taken in the order of the files' numbers, as in nnU-Net, not in that of the form"
        return (scans, nil, order == Array(upload.indices) ? [] : [remark])
    }

    private static let unkept = Refusal(.serverIsFull, "the scan cannot be stored")

    /// A session, without a change of its expiry.
    func session(_ id: String) -> Session? { sessions[id] }

    /// A session, whose expiry starts again.
    func use(_ id: String) -> Session? {
        guard sessions[id] != nil else { return nil }
        sessions[id]?.lastUsed = Date()
        return sessions[id]
    }

    /// Ends a session and deletes its data.
    func remove(_ id: String) -> Session? {
        guard let session = sessions.removeValue(forKey: id) else { return nil }
        scratch.remove(session.folder, bytes: session.bytes)
        return session
    }

    /// The ids of expired sessions.
    func expired(at now: Date) -> [String] { sessions.filter { $0.value.isExpired(at: now) }.map(\.key) }
}
