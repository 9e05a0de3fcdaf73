internal import Foundation
internal import HTTPTypes
internal import Logging

/// Jobs in the order they came; the device works on one at a time.
actor JobQueue {
    private let engine: Engine
    private let scratch: Scratch
    private let limits: ServerLimits
    private let logger: Logger
    private var jobs: [String: Job] = [:]
    private var waiting: [Job] = []
    private var running: Job?
    private var listeners: [String: [CheckedContinuation<Void, Never>]] = [:]

    init(engine: Engine, scratch: Scratch, limits: ServerLimits, logger: Logger) {
        self.engine = engine
        self.scratch = scratch
        self.limits = limits
        self.logger = logger
    }

    /// Puts a job at the end of the queue.
    /// - Throws: `Refusal` where the queue is full.
    func submit(_ job: Job) throws {
        guard waiting.count < limits.queuedJobs else {
            throw Refusal(.tooManyRequests, "\(waiting.count) jobs wait already; try again later")
        }
        jobs[job.id] = job
        waiting.append(job)
        logger.info("job queued", metadata: ["job": "\(job.id)", "waiting": "\(waiting.count)"])
        startNext()
    }

    /// The job of an id, whose results are kept anew.
    /// - Throws: `Refusal` where there is none.
    func job(_ id: String) throws -> Job {
        guard let job = jobs[id] else { throw Refusal.notFound("job") }
        job.update { $0.lastUsed = Date() }
        return job
    }

    /// How many jobs come first: 0 for one that runs or is over.
    func place(of job: Job) -> Int {
        waiting.firstIndex { $0 === job }.map { $0 + (running == nil ? 0 : 1) } ?? 0
    }

    /// Jobs that wait or run.
    var load: Int { waiting.count + (running == nil ? 0 : 1) }

    /// Returns once a job is over; a caller that is cancelled takes the job with it.
    func finish(_ job: Job) async {
        await withTaskCancellationHandler {
            guard !job.snapshot.phase.isFinal else { return }
            await withCheckedContinuation { listeners[job.id, default: []].append($0) }
        } onCancel: {
            Task { await self.cancel(job) }
        }
    }

    /// Takes a job from the queue, or asks the one that runs to stop.
    func cancel(_ job: Job) {
        if let index = waiting.firstIndex(where: { $0 === job }) {
            waiting.remove(at: index)
            settle(job, .cancelled, nil)
        } else {
            job.update { $0.isCancelled = true }
        }
    }

    /// Cancels a job, or deletes the results of one that is over.
    func remove(_ job: Job) {
        guard job.snapshot.phase.isFinal else { return cancel(job) }
        jobs[job.id] = nil
        scratch.remove(job.folder, bytes: job.snapshot.bytes)
    }

    /// Cancels and deletes everything that was computed from a scan.
    func removeJobs(of scan: String) {
        for job in jobs.values where job.scan.id == scan {
            cancel(job)
            if job.snapshot.phase.isFinal { remove(job) } else { job.update { $0.lastUsed = .distantPast } }
        }
    }

    /// Deletes results that nobody has asked for since a time.
    func removeJobs(unusedSince time: Date) {
        for job in jobs.values where job.snapshot.phase.isFinal && job.snapshot.lastUsed < time { remove(job) }
    }

    /// Cancels everything, for the server's end.
    func stop() {
        for job in waiting { cancel(job) }
        if let running { cancel(running) }
    }

    private func startNext() {
        guard running == nil, !waiting.isEmpty else { return }
        let job = waiting.removeFirst()
        running = job
        Task { await run(job) }
    }

    private func run(_ job: Job) async {
        do {
            _ = try scratch.makeFolder("job-\(job.id)")
            try await engine.run(job)
            settle(job, .done, nil)
        } catch is CancellationError {
            settle(job, .cancelled, nil)
        } catch {
            logger.warning("job failed", metadata: ["job": "\(job.id)", "kind": "\(type(of: error))"])
            settle(job, .failed, Refusal(error))
        }
        running = nil
        startNext()
    }

    private func settle(_ job: Job, _ phase: Job.Phase, _ error: Refusal?) {
        if phase != .done { scratch.remove(job.folder, bytes: job.snapshot.bytes) }
        job.update { state in
            if phase != .done { state.bytes = 0 }
            state.phase = phase
            state.stage = phase.rawValue
            state.progress = phase == .done ? 1 : state.progress
            state.error = error
        }
        logger.info("job \(phase.rawValue)", metadata: ["job": "\(job.id)"])
        for listener in listeners.removeValue(forKey: job.id) ?? [] { listener.resume() }
    }
}
