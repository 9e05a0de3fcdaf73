internal import Foundation
internal import HTTPTypes
internal import Logging
internal import SegBackend
internal import SegCore

/// The objects that the routes use.
final class Services: Sendable {
    let limits: ServerLimits
    let scratch: Scratch
    let reader: ScanReader
    let dicom: DicomReader
    /// The archive of `--dicomweb`; nil if the option is not given.
    let archive: Archive?
    let sessions: SessionStore
    let datastore: Datastore
    let catalog: ModelCatalog
    let engine: Engine
    let queue: JobQueue
    let batches: Batches
    let access: AccessControl
    let proxies: Proxies
    let log: LogRing
    let logger: Logger

    /// Opens the folders and models of a server.
    /// - Throws: `DataError` naming the folder that cannot be used; `ServerOptionError`; `ServerStartError`.
    init(_ options: ServerOptions, backend: any Backend) throws {
        limits = options.limits
        log = LogRing(capacity: 1000)
        let log = log
        var logger = Logger(label: "medseg-server") { _ in ServerLog(ring: log) }
        logger.logLevel = options.logLevel
        self.logger = logger
        proxies = try Proxies(options.proxies)
        try FolderOverlap.check(options)
        let scratch = try Scratch(options)
        self.scratch = scratch
        reader = ScanReader(limits: limits)
        dicom = DicomReader(scratch: scratch, limits: limits)
        archive = options.archive.map { [limits] in Archive($0, scratch: scratch, limits: limits, logger: logger) }
        do {
            let studies = try options.studies ?? scratch.makeFolder(Scratch.studiesName)
            datastore = try Datastore(folder: studies, scratch: scratch, reader: reader, logger: logger)
            catalog = try ModelCatalog(folder: options.models, logger: logger)
        } catch {
            scratch.discard()
            throw error
        }
        sessions = SessionStore(
            scratch: scratch, reader: reader, dicom: dicom, limits: limits,
            channelCounts: Set(catalog.models.map(\.channels)))
        engine = Engine(backend: backend, scratch: scratch, limits: limits)
        queue = JobQueue(engine: engine, scratch: scratch, limits: limits, logger: logger)
        batches = Batches(logger: logger)
        access = AccessControl(token: options.token, host: options.host)
    }

    /// The scan of an id: an uploaded scan, or one of the datastore.
    /// - Throws: `Refusal` if there is none.
    func scan(_ id: String) async throws -> Scan {
        if let session = await sessions.use(id) { return session.scan }
        guard let image = await datastore.id(ofKey: id) else {
            throw Refusal.notFound("scan; it may have expired, upload it again")
        }
        return try await datastore.scan(image)
    }

    /// A job that is not queued yet.
    /// - Parameter client: The client's name for its share of the queue.
    /// - Throws: `Refusal` if the model takes another number of scans, or does not support an option.
    func job(_ scan: Scan, model: ModelEntry, options: JobOptions, for client: String) throws -> Job {
        if options.uncertainty > 0, model.dropout == 0 {
            throw Refusal(
                .unprocessableContent,
                "'\(model.name)' has no dropout, so its passes cannot differ; set uncertainty to 0")
        }
        try model.checkTakes(scans: scan.channels.count)
        return Job(
            scan: scan, model: model, options: options, client: client, scratch: scratch, limits: limits)
    }

    /// Creates and queues a job.
    /// - Throws: `Refusal` if the queue, or the client's share of it, is full.
    func submit(_ scan: Scan, model: ModelEntry, options: JobOptions, for client: String) async throws -> Job {
        let job = try job(scan, model: model, options: options, for: client)
        try await queue.submit(job)
        return job
    }

    /// Ends a session and deletes everything that was computed from it.
    /// - Throws: `Refusal` if there is none.
    func endSession(_ id: String) async throws -> Session {
        guard let session = await sessions.remove(id) else { throw Refusal.notFound("session") }
        await queue.removeJobs(of: id)
        return session
    }

    /// Deletes expired data.
    func sweep(at now: Date) async {
        for id in await sessions.expired(at: now) {
            _ = try? await endSession(id)
            logger.info("session expired")
        }
        let unused = now.addingTimeInterval(-limits.sessionSeconds)
        await queue.removeJobs(unusedSince: unused)
        await datastore.forgetMeasured(unusedSince: unused)
    }
}
