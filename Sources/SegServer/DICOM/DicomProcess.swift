internal import Foundation
internal import HTTPTypes
internal import SegCore
internal import ServiceLifecycle
internal import Synchronization

/// A process that does one task. It ends at its deadline, when the Swift task that waits for it is cancelled, and with the
/// server.
final class DicomProcess: Sendable {
    /// How a process ended by itself.
    struct End {
        let isSignal: Bool
        /// The signal, or the exit code.
        let status: Int32
    }

    private enum Stop { case deadline, client, server, disk(Refusal) }

    private let process = Process()
    /// Why the process was ended before it had done its task.
    private let stop = Mutex<Stop?>(nil)
    private let seconds: Double

    /// How often what a process writes is counted.
    private static let interval = Duration.milliseconds(500)

    /// Seconds beyond its own limit after which a process is ended that has not ended itself.
    private static let grace = 5.0

    /// Names of what a process knows of the server's environment: neither the token nor anything else.
    private static let known = [
        "PATH", "LD_LIBRARY_PATH", "MEDSEG_DICOM_LIBRARY", "MEDSEG_THREADS", "DCMDICTPATH", "TZ",
    ]

    /// A process that is not started yet.
    /// - Parameters:
    ///   - folder: The folder of the task.
    ///   - seconds: The time that it has.
    /// - Throws: `Refusal` where the program is not found.
    init(in folder: String, seconds: Double) throws {
        guard let program = Bundle.main.executablePath else {
            throw Refusal(.internalServerError, "the server does not find its own program, which reads DICOM")
        }
        self.seconds = seconds
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [DicomChild.argument, folder]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        var environment = ProcessInfo.processInfo.environment.filter { Self.known.contains($0.key) }
        environment["TMPDIR"] = folder
        process.environment = environment
        // Its other end is the server's alone, so that it closes however the server ends.
        process.standardInput = Pipe()
        // What it prints may hold what a header says.
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
    }

    /// Runs the process to its end.
    /// - Parameter meter: Counts what it writes.
    /// - Throws: `CancellationError` where the caller is cancelled before; `Refusal` where the process cannot be started,
    ///   takes too long or writes too much, or the server ends.
    func run(_ meter: FolderMeter) async throws -> End {
        let deadline = Task {
            try await Task.sleep(for: .seconds(seconds + Self.grace))
            endEarly(.deadline)
        }
        let counting = Task {
            while true {
                try await Task.sleep(for: Self.interval)
                do { try meter.count() } catch let refusal as Refusal { endEarly(.disk(refusal)) }
            }
        }
        defer { for task in [deadline, counting] { task.cancel() } }
        let end = try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                try await untilItEnds()
            } onGracefulShutdown: {
                self.endEarly(.server)
            }
        } onCancel: {
            self.endEarly(.client)
        }
        switch stop.withLock({ $0 }) {
        case .client: throw CancellationError()
        case .server: throw Refusal(.serviceUnavailable, "the server is about to end")
        case .deadline: throw tookTooLong
        case .disk(let refusal): throw refusal
        case nil where end.isSignal && end.status == SIGALRM: throw tookTooLong
        case nil: return end
        }
    }

    private func untilItEnds() async throws -> End {
        try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { process in
                continuation.resume(
                    returning: End(
                        isSignal: process.terminationReason == .uncaughtSignal, status: process.terminationStatus))
            }
            do {
                try process.run()
            } catch {
                continuation.resume(
                    throwing: Refusal(
                        .serviceUnavailable, "the process that reads DICOM cannot be started; try again later"))
                return
            }
            // Whoever wanted it ended before it was there.
            if stop.withLock({ $0 != nil }) { kill() }
        }
    }

    private func endEarly(_ reason: Stop) {
        stop.withLock { $0 = $0 ?? reason }
        kill()
    }

    /// Ends the process by the signal that none can put off.
    private func kill() {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
    }

    private var tookTooLong: Refusal {
        Refusal(
            .requestTimeout,
            "reading the DICOM files was stopped after \(Int(seconds)) seconds, the longest that it may take")
    }
}
