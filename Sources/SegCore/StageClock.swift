import Foundation
internal import Synchronization

/// The time that each stage of a task takes, from reading the scan to writing the mask.
///
/// Work adds its time to the clock that is `current`. Stages are not nested. The time of a backend that computes
/// asynchronously counts for the stage that waits for it.
public final class StageClock: Sendable {
    /// The time of one stage.
    public struct Stage: Hashable, Sendable {
        /// The name of the stage: `decompress`, `network`.
        public let name: String
        /// Wall-clock seconds.
        public var wall: Double
        /// CPU seconds of all threads of the process.
        public var cpu: Double
    }

    /// The clock that stages add to; nil if no time is measured.
    @TaskLocal public static var current: StageClock?

    private let measured = Mutex<[Stage]>([])
    private let start = (
        wall: StageClock.seconds(CLOCK_MONOTONIC), cpu: StageClock.seconds(CLOCK_PROCESS_CPUTIME_ID)
    )

    /// Creates a clock without stages and starts it.
    public init() {}

    /// The stages in the order in which they first ran.
    public var stages: [Stage] { measured.withLock { $0 } }

    /// Runs a stage and adds its time to the current clock.
    /// - Throws: The error that `body` throws.
    public static func time<Result, Failure: Error>(
        _ name: String, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard let clock = current else { return try body() }
        let (wall, cpu) = (seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID))
        defer { clock.add(name, wall: seconds(CLOCK_MONOTONIC) - wall, cpu: seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) }
        return try body()
    }

    private func add(_ name: String, wall: Double, cpu: Double) {
        measured.withLock { stages in
            if let index = stages.firstIndex(where: { $0.name == name }) {
                stages[index].wall += wall
                stages[index].cpu += cpu
            } else {
                stages.append(Stage(name: name, wall: wall, cpu: cpu))
            }
        }
    }

    private static func seconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

extension StageClock: CustomStringConvertible {
    /// A line for each stage, a line for the rest and a line for the whole time since the start. A line gives the
    /// wall-clock seconds and their share, and the CPU seconds and their share.
    public var description: String {
        let stages = stages
        let wall = Self.seconds(CLOCK_MONOTONIC) - start.wall
        let cpu = Self.seconds(CLOCK_PROCESS_CPUTIME_ID) - start.cpu
        let rest = (wall - stages.map(\.wall).reduce(0, +), cpu - stages.map(\.cpu).reduce(0, +))
        func line(_ name: String, _ stage: (wall: Double, cpu: Double)) -> String {
            let label = name.padding(toLength: max(14, name.count), withPad: " ", startingAt: 0)
            func share(_ part: Double, _ whole: Double) -> Double { whole > 0 ? part / whole * 100 : 0 }
            return label
                + String(
                    format: "%8.3f s %5.1f %%  %8.3f s computed %5.1f %%", stage.wall, share(stage.wall, wall),
                    stage.cpu, share(stage.cpu, cpu))
        }
        return
            (stages.map { line($0.name, ($0.wall, $0.cpu)) } + [line("the rest", rest), line("in all", (wall, cpu))])
            .joined(separator: "\n")
    }
}
