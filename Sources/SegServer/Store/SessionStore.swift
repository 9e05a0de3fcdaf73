internal import Foundation
internal import HTTPTypes
internal import SegCore
internal import SegImaging
internal import SegInference

/// A scan on disk that jobs run on.
struct Scan: Hashable, Sendable {
    /// The server's id.
    let id: String
    /// Its file.
    let path: String
    /// Its voxels as the page fetches them.
    let voxels: String
    let facts: ScanFacts
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

    /// The form in which MONAI Label's clients read a session. Paths of this machine are nobody's business.
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
    private let limits: ServerLimits
    private var sessions: [String: Session] = [:]
    /// Uploads that are being checked; they count towards the limit.
    private var arriving = 0

    init(scratch: Scratch, reader: ScanReader, limits: ServerLimits) {
        self.scratch = scratch
        self.reader = reader
        self.limits = limits
    }

    /// Refuses an upload before its body is read where no session is free.
    /// - Throws: `Refusal` where there are as many sessions as allowed.
    func checkRoom() throws {
        guard sessions.count + arriving < limits.sessions else {
            throw Refusal(
                .tooManyRequests, "the server keeps \(limits.sessions) uploaded scans already; delete one or wait")
        }
    }

    /// Makes a session of an upload that has arrived whole.
    /// - Throws: `Refusal` or `DataError` where it is no scan, too large or one too many.
    func add(_ upload: sending FileSink, seconds: Double?) async throws -> Session {
        try checkRoom()
        arriving += 1
        defer { arriving -= 1 }
        let id = Scratch.makeID()
        try await upload.keep()
        var bytes = upload.count
        let folder: String
        do {
            folder = try scratch.makeFolder("session-\(id)")
        } catch {
            scratch.remove(upload.path, bytes: bytes)
            throw error
        }
        let voxels = "\(folder)/voxels.gz"
        do {
            let scan = try "\(folder)/scan\(ScanFile.ending(byContentOf: upload.path))"
            guard rename(upload.path, scan) == 0 else { throw Refusal(.serverIsFull, "the scan cannot be kept") }
            let facts = try await reader.inspect(scan, voxels: voxels)
            let cached = Scratch.size(of: voxels)
            try scratch.budget.reserve(cached)
            bytes += cached
            let session = Session(
                scan: Scan(id: id, path: scan, voxels: voxels, facts: facts), folder: folder, bytes: bytes,
                created: Date(), lastUsed: Date(), seconds: min(max(60, seconds ?? .infinity), limits.sessionSeconds))
            sessions[id] = session
            return session
        } catch {
            unlink(upload.path)
            scratch.remove(folder, bytes: bytes)
            throw error
        }
    }

    /// A session, whose expiry goes on.
    func session(_ id: String) -> Session? { sessions[id] }

    /// A session, whose expiry starts anew.
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

    /// Ids of sessions that nobody has used for too long.
    func expired(at now: Date) -> [String] { sessions.filter { $0.value.isExpired(at: now) }.map(\.key) }
}
