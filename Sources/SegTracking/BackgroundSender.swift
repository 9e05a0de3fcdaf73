import Foundation
import Synchronization

/// Sends a journal repeatedly on its own thread while the run computes, with growing pauses while the server fails.
final class BackgroundSender: Sendable {
    private let patience: Double
    private let note: @Sendable (String) -> Void
    private let server: TrackingServer
    private let runFolder: String
    private let stopped = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let waiting = Mutex(0)

    /// The seconds between deliveries while the server accepts them, and the longest pause while it does not.
    private static let interval = 1.0
    private static let longestPause = 30.0

    /// Starts the thread.
    /// - Parameters:
    ///   - timeout: Seconds until a request fails without an answer.
    ///   - patience: Seconds for which `finish` retries while the server accepts nothing.
    /// - Throws: `TrackingError` if the journal is missing or another process sends it.
    init(
        runFolder: String, server: TrackingServer, timeout: Double, patience: Double,
        note: @escaping @Sendable (String) -> Void
    ) throws {
        self.patience = patience
        self.note = note
        self.server = server
        self.runFolder = runFolder
        let delivery = Mutex(try Delivery(runFolder: runFolder, server: server, timeout: timeout, note: note))
        let thread = Thread { [self] in
            delivery.withLock { run($0) }
            ended.signal()
        }
        thread.name = "tracking"
        thread.start()
    }

    private func run(_ delivery: Delivery) {
        var pause = Self.interval
        var isComplaining = false
        var deadline: Date?
        while true {
            if deadline == nil, stopped.wait(timeout: .now() + pause) == .success {
                deadline = Date(timeIntervalSinceNow: patience)
            } else if deadline != nil {
                Thread.sleep(forTimeInterval: min(pause, Self.interval))
            }
            do {
                _ = try delivery.deliver()
                if isComplaining { note("tracking server \(server.uri) answers again") }
                isComplaining = false
                pause = Self.interval
                if deadline != nil { break }
            } catch {
                if !isComplaining {
                    note(
                        "tracking server \(server.uri): \(error); the run continues, and its log is kept in "
                            + Journal.folder(runFolder))
                }
                isComplaining = true
                pause = min(pause * 2, Self.longestPause)
                if let deadline, deadline < Date() { break }
            }
        }
        let left = (try? delivery.waiting()) ?? 0
        waiting.withLock { $0 = left }
    }

    /// Sends the remaining events as long as the server accepts them, and returns the number of events that the server
    /// did not accept.
    ///
    /// If the server does not answer, this waits for the request under way, then retries for `patience` seconds. The
    /// last retry may exceed them by its own time limit.
    func finish() -> Int {
        stopped.signal()
        ended.wait()
        return waiting.withLock { $0 }
    }
}
