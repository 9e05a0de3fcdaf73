import Foundation
internal import Synchronization

/// The time that each stage of a task takes, from the scan's file to the mask's.
///
/// Work that is done while a clock is `current` adds to it; stages do not enclose each other. A backend that computes
/// while the program goes on is charged to the stage that waits for it.
public final class StageClock: Sendable {
    /// One stage's share.
    public struct Stage: Hashable, Sendable {
        /// What was done: `decompress`, `network`.
        public let name: String
        /// Seconds that passed.
        public var wall: Double
        /// Seconds that the process's threads computed.
        public var cpu: Double
    }

    /// The clock that stages are added to; none where nobody asks.
    @TaskLocal public static var current: StageClock?

    private let measured = Mutex<[Stage]>([])
    private let start = (
        wall: StageClock.seconds(CLOCK_MONOTONIC), cpu: StageClock.seconds(CLOCK_PROCESS_CPUTIME_ID)
    )

    /// Starts a clock without stages.
    public init() {}

    /// The stages, in the order in which they were first met.
    public var stages: [Stage] { measured.withLock { $0 } }

    /// Runs a stage and adds its time to the current clock.
    /// - Throws: what `body` throws.
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
    /// A line for each stage, for what was none, and for all since the start: seconds, share of them, seconds computed
    /// and share of those.
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
