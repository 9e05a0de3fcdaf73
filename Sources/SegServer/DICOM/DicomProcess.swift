internal import Foundation
internal import HTTPTypes
internal import SegCore
internal import ServiceLifecycle
internal import Synchronization

/// A process that performs one task. It is ended at its deadline, if the waiting Swift task is cancelled, and together
/// with the server.
final class DicomProcess: Sendable {
    /// The end of a process that was not killed by the server.
    struct End {
        let isSignal: Bool
        /// The number of the signal, or the exit code.
        let status: Int32
    }

    private enum Stop { case deadline, client, server, disk(Refusal) }

    private let process = Process()
    /// The reason why the process was ended before its task was done.
    private let stop = Mutex<Stop?>(nil)
    private let seconds: Double

    /// The interval at which the size of the process's output is measured.
    private static let interval = Duration.milliseconds(500)

    /// Seconds after the process's own limit until the server ends it.
    private static let grace = 5.0

    /// Environment variables that the process inherits; the token is not among them.
    private static let known = [
        "PATH", "LD_LIBRARY_PATH", "MEDSEG_DICOM_LIBRARY", "MEDSEG_THREADS", "DCMDICTPATH", "TZ",
    ]

    /// Creates a process without starting it.
    /// - Parameters:
    ///   - folder: The folder of the task.
    ///   - seconds: The time limit.
    /// - Throws: `Refusal` if the program is not found.
    init(in folder: String, seconds: Double) throws {
        guard let program = Bundle.main.executablePath else {
            throw Refusal(.internalServerError, "the server cannot find its own program, which reads DICOM")
        }
        self.seconds = seconds
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = [DicomChild.argument, folder]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        var environment = ProcessInfo.processInfo.environment.filter { Self.known.contains($0.key) }
        environment["TMPDIR"] = folder
        process.environment = environment
        // Only the server has the other end of the pipe, therefore the pipe closes however the server ends.
        process.standardInput = Pipe()
        // Printed text is discarded, because it could contain values of a DICOM header.
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
    }

    /// Runs the process to its end.
    /// - Parameter meter: Measures the files that the process writes.
    /// - Throws: `CancellationError` if the caller is cancelled first; `Refusal` if the process cannot be started,
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
        case .server: throw Refusal(.serviceUnavailable, "the server is shutting down")
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
            // The process may have to end for a reason that arose before it was started.
            if stop.withLock({ $0 != nil }) { kill() }
        }
    }

    private func endEarly(_ reason: Stop) {
        stop.withLock { $0 = $0 ?? reason }
        kill()
    }

    /// Ends the process with SIGKILL, which cannot be blocked.
    private func kill() {
        if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
    }

    private var tookTooLong: Refusal {
        Refusal(
            .requestTimeout,
            "reading the DICOM files was stopped after \(Int(seconds)) seconds, the maximum")
    }
}
