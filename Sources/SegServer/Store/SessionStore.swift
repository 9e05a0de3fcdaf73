internal import Foundation
internal import HTTPTypes
internal import SegCore
internal import SegDICOM
internal import SegImaging
internal import SegInference

/// A scan on disk, the input of jobs.
struct Scan: Hashable, Sendable {
    /// The server's id.
    let id: String
    /// Its file.
    let path: String
    /// The file of its voxels in the page's form.
    let voxels: String
    let facts: ScanFacts
    /// The DICOM files that it was read from; nil for a scan of another format.
    var dicom: DicomOrigin?
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
    private var sessions: [String: Session] = [:]
    /// The number of uploads that are being checked; they count against the limit.
    private var arriving = 0

    init(scratch: Scratch, reader: ScanReader, dicom: DicomReader, limits: ServerLimits) {
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
    ///   - upload: A scan, a ZIP of DICOM files, or several DICOM files.
    ///   - selection: The choice of a volume of DICOM files.
    ///   - client: The client's name for its turns.
    /// - Throws: `Refusal` or `DataError` if it is not a valid scan, is too large or exceeds the number of sessions.
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
            let (path, origin) = try place(upload.map(\.path), in: folder, selection)
            var remarks: [String] = []
            if let origin { remarks = try await dicom.readScan(origin, to: path, for: client) }
            let voxels = "\(folder)/voxels.gz"
            var facts = try await reader.inspect(path, voxels: voxels)
            if !remarks.isEmpty { facts.remarks = (facts.remarks ?? []) + remarks }
            let made = Scratch.size(of: voxels) + (origin == nil ? 0 : Scratch.size(of: path))
            try scratch.budget.reserve(made)
            bytes += made
            let session = Session(
                scan: Scan(id: id, path: path, voxels: voxels, facts: facts, dicom: origin), folder: folder,
                bytes: bytes, created: Date(), lastUsed: Date(),
                seconds: min(max(60, seconds ?? .infinity), limits.sessionSeconds))
            sessions[id] = session
            return session
        } catch {
            for file in upload { unlink(file.path) }
            scratch.remove(folder, bytes: bytes)
            throw error
        }
    }

    /// Moves an upload into the session's folder.
    /// - Returns: The path of the scan, which may still have to be read from the DICOM files.
    /// - Throws: `Refusal` or `DataError` if the upload is not a valid scan.
    private func place(
        _ upload: [String], in folder: String, _ selection: DicomSelection
    ) throws -> (scan: String, origin: DicomOrigin?) {
        guard upload.count == 1, !DicomSource.isDicom(upload[0]) else {
            let files = "\(folder)/dicom"
            guard mkdir(files, 0o700) == 0 else { throw Self.unkept }
            for (number, path) in upload.enumerated() {
                guard rename(path, "\(files)/\(number + 1).dcm") == 0 else { throw Self.unkept }
            }
            // A ZIP is recognised by its content, whatever its name.
            let source = upload.count == 1 ? "\(files)/1.dcm" : files
            return ("\(folder)/scan.nii.gz", DicomOrigin(source: source, choice: selection))
        }
        guard !selection.isMade else {
            throw Refusal(
                .badRequest, "series, volume and fill_gaps are for DICOM, but the upload is not DICOM; leave them out")
        }
        let scan = try "\(folder)/scan\(ScanFile.ending(byContentOf: upload[0]))"
        guard rename(upload[0], scan) == 0 else { throw Self.unkept }
        return (scan, nil)
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
