internal import Foundation
internal import Synchronization

/// The error of code that did not end.
public struct Hang: Error, CustomStringConvertible {
    /// The message, in one sentence.
    public let description: String
}

/// Runs code that once hung, on a thread of its own.
///
/// A time limit of a test cannot end code that never returns, and its clock includes the time in which the test waits for
/// other tests.
/// - Throws: The error of the code; `Hang` if the code does not end in time. Its thread is then left behind.
public func ending(within seconds: Double = 120, _ body: @escaping @Sendable () throws -> Void) throws {
    let run = Run()
    Thread.detachNewThread {
        do { try body() } catch { run.error.withLock { $0 = error } }
        run.ended.signal()
    }
    guard run.ended.wait(timeout: .now() + seconds) == .success else {
        throw Hang(description: "it did not end within \(seconds) s")
    }
    if let error = run.error.withLock({ $0 }) { throw error }
}

private final class Run: Sendable {
    let ended = DispatchSemaphore(value: 0)
    let error = Mutex<(any Error)?>(nil)
}
