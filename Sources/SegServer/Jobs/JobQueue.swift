internal import Foundation
internal import HTTPTypes
internal import Logging

/// The jobs that wait for the device, which processes one at a time.
actor JobQueue {
    private let engine: Engine
    private let scratch: Scratch
    private let logger: Logger
    private var jobs: [String: Job] = [:]
    private var waiting: FairLine<Job>
    private var running: Job?
    private var isStopped = false
    private var listeners: [String: [CheckedContinuation<Void, Never>]] = [:]
    /// The callers that wait for room in the queue, by number.
    private var hopeful: [Int: CheckedContinuation<Void, Never>] = [:]
    private var lastHopeful = 0

    init(engine: Engine, scratch: Scratch, limits: ServerLimits, logger: Logger) {
        self.engine = engine
        self.scratch = scratch
        self.logger = logger
        waiting = FairLine(limit: limits.queuedJobs)
    }

    /// Adds a job to the queue.
    /// - Throws: `Refusal` if the queue, or the client's share of it, is full.
    func submit(_ job: Job) throws {
        guard !isStopped else { throw Refusal(.serviceUnavailable, "the server is shutting down") }
        guard waiting.hasRoom(for: job.client) else {
            let own = waiting.count(of: job.client)
            let whose = own >= waiting.share ? "\(own) of your jobs" : "\(waiting.count) jobs"
            throw Refusal(.tooManyRequests, "\(whose) are already waiting; try again later")
        }
        jobs[job.id] = job
        waiting.append(job, of: job.client)
        logger.info("job queued", metadata: ["job": "\(job.id)", "waiting": "\(waiting.count)"])
        startNext()
    }

    /// Adds a job to the queue as soon as there is room.
    /// - Throws: `CancellationError` if the caller is cancelled first; `Refusal` if the server ends.
    func submitWhenThereIsRoom(_ job: Job) async throws {
        while !isStopped, !waiting.hasRoom(for: job.client) {
            try Task.checkCancellation()
            await waitForRoom()
        }
        try Task.checkCancellation()
        try submit(job)
    }

    private func waitForRoom() async {
        lastHopeful += 1
        let number = lastHopeful
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled { continuation.resume() } else { hopeful[number] = continuation }
            }
        } onCancel: {
            Task { await self.wake(number) }
        }
    }

    private func wake(_ number: Int) { hopeful.removeValue(forKey: number)?.resume() }

    private func wakeAll() { for number in hopeful.keys.sorted() { wake(number) } }

    /// The job of an id; the expiry of its results starts again.
    /// - Throws: `Refusal` if there is none.
    func job(_ id: String) throws -> Job {
        guard let job = jobs[id] else { throw Refusal.notFound("job") }
        job.update { $0.lastUsed = Date() }
        return job
    }

    /// The number of jobs before this job: 0 if this job runs or is over.
    func place(of job: Job) -> Int {
        waiting.order.firstIndex { $0 === job }.map { $0 + (running == nil ? 0 : 1) } ?? 0
    }

    /// The number of jobs that wait or run.
    var load: Int { waiting.count + (running == nil ? 0 : 1) }

    /// Waits until a job is over; a caller that is cancelled cancels the job too.
    func finish(_ job: Job) async {
        await withTaskCancellationHandler {
            guard !job.snapshot.phase.isFinal else { return }
            await withCheckedContinuation { listeners[job.id, default: []].append($0) }
        } onCancel: {
            Task { await self.cancel(job) }
        }
    }

    /// Removes a job from the queue, or requests the running one to stop.
    func cancel(_ job: Job) {
        if waiting.remove(job) {
            settle(job, .cancelled, nil)
            wakeAll()
        } else {
            job.update { $0.isCancelled = true }
        }
    }

    /// Cancels a job, or deletes the results of one that is over.
    func remove(_ job: Job) {
        guard job.snapshot.phase.isFinal else { return cancel(job) }
        // If two callers remove a job, only the first releases its bytes.
        guard jobs.removeValue(forKey: job.id) != nil else { return }
        scratch.remove(job.folder, bytes: job.snapshot.bytes)
    }

    /// Cancels and deletes everything that was computed from a scan.
    func removeJobs(of scan: String) {
        for job in jobs.values where job.scan.id == scan {
            cancel(job)
            if job.snapshot.phase.isFinal { remove(job) } else { job.update { $0.lastUsed = .distantPast } }
        }
    }

    /// Deletes results that were not requested since a time.
    func removeJobs(unusedSince time: Date) {
        for job in jobs.values where job.snapshot.phase.isFinal && job.snapshot.lastUsed < time { remove(job) }
    }

    /// Cancels all jobs because the server ends.
    func stop() {
        isStopped = true
        for job in waiting.order { cancel(job) }
        if let running { cancel(running) }
        wakeAll()
    }

    private func startNext() {
        guard running == nil, let job = waiting.next() else { return }
        running = job
        wakeAll()
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
            let refusal = Refusal(error)
            logger.warning(
                "job failed",
                metadata: ["job": "\(job.id)", "kind": "\(type(of: error))", "detail": "\(refusal.detail)"])
            settle(job, .failed, refusal)
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
