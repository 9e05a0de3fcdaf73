internal import Foundation
internal import HTTPTypes
internal import Logging
internal import SegCore

/// Predictions for many images of the datastore, which run in the background.
actor Batches {
    /// The progress of a batch.
    struct Status: Sendable {
        enum Phase: String, Sendable {
            case running = "RUNNING"
            case done = "DONE"
            case stopped = "STOPPED"
        }

        let id: String
        /// The client's name for its share of the queue.
        let client: String
        let model: String
        let images: Int
        var phase = Phase.running
        var done = 0
        /// The images that could not be predicted, with the reasons.
        var failures: [(image: String, reason: String)] = []

        /// The document of the batch for clients.
        var document: ConfigValue {
            [
                "batch": .string(id), "status": .string(phase.rawValue), "model": .string(model),
                "images": .int(images), "done": .int(done),
                "failed": .array(failures.map { ["image": .string($0.image), "detail": .string($0.reason)] }),
            ]
        }
    }

    private let logger: Logger
    /// All running batches and the last finished ones, in the order of their start.
    private var all: [Status] = []
    private var tasks: [String: Task<Void, Never>] = [:]

    /// The maximum number of running batches of one client.
    private static let share = 4
    /// The maximum number of finished batches that are kept.
    private static let remembered = 16

    init(logger: Logger) { self.logger = logger }

    /// All batches that are kept, the newest last.
    var statuses: [Status] { all }

    /// Starts a batch, which predicts its images one after another.
    /// - Parameter predict: Predicts an image and stores the result.
    /// - Returns: The batch's id.
    /// - Throws: `Refusal` if the client has too many running batches.
    func start(
        client: String, model: String, images: [String], predict: @escaping @Sendable (String) async throws -> Void
    ) throws -> String {
        guard all.count(where: { $0.client == client && $0.phase == .running }) < Self.share else {
            throw Refusal(.tooManyRequests, "\(Self.share) of your batches are already running; wait, or stop one")
        }
        let status = Status(id: Scratch.makeID(), client: client, model: model, images: images.count)
        all.append(status)
        logger.info("batch started", metadata: ["batch": "\(status.id)", "images": "\(images.count)"])
        tasks[status.id] = Task { await run(status.id, images, predict) }
        return status.id
    }

    /// Waits for the end of a batch and returns its last state.
    func finish(_ id: String) async -> Status? {
        await tasks[id]?.value
        return all.first { $0.id == id }
    }

    /// Stops all running batches of a client.
    /// - Returns: The ids of the batches.
    func stopAll(of client: String) -> [String] {
        let ids = all.filter { $0.phase == .running && $0.client == client }.map(\.id)
        for id in ids { tasks[id]?.cancel() }
        return ids
    }

    /// Stops a running batch of a client.
    /// - Throws: `Refusal` if no such batch is running, or if another client started it.
    func stop(_ id: String, of client: String) throws {
        guard let batch = all.first(where: { $0.id == id && $0.phase == .running }) else {
            throw Refusal.notFound("batch that runs")
        }
        guard batch.client == client else {
            throw Refusal(.forbidden, "another client started this batch; only that client can stop it")
        }
        tasks[id]?.cancel()
    }

    private func run(_ id: String, _ images: [String], _ predict: @Sendable (String) async throws -> Void) async {
        for image in images {
            guard !Task.isCancelled else { break }
            do {
                try await predict(image)
                change(id) { $0.done += 1 }
            } catch {
                // A job that was cancelled by another client is a failure of its image; the batch continues.
                guard !Task.isCancelled else { break }
                let reason = Refusal(error).detail
                change(id) { $0.failures.append((image, reason)) }
                logger.warning("an image of a batch failed", metadata: ["batch": "\(id)", "detail": "\(reason)"])
            }
        }
        let phase: Status.Phase = Task.isCancelled ? .stopped : .done
        change(id) { $0.phase = phase }
        if let over = all.first(where: { $0.id == id }) {
            logger.info(
                "batch \(phase.rawValue.lowercased())",
                metadata: ["batch": "\(id)", "done": "\(over.done)", "failed": "\(over.failures.count)"])
        }
        tasks[id] = nil
        let finished = all.filter { $0.phase != .running }.dropLast(Self.remembered).map(\.id)
        all.removeAll { finished.contains($0.id) }
    }

    private func change(_ id: String, _ change: (inout Status) -> Void) {
        guard let index = all.firstIndex(where: { $0.id == id }) else { return }
        change(&all[index])
    }
}
