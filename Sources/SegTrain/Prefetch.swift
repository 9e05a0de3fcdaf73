internal import Foundation
internal import Synchronization

/// Numbered values that worker threads compute some numbers ahead of the requested one.
///
/// The values depend only on their numbers, not on the threads; a finished value waits for its turn.
package final class Prefetch<Value: Sendable> {
    private let compute: @Sendable (Int) -> Value
    private let workers: OperationQueue
    private let ahead: Int
    private var pending: [Pending<Value>] = []
    private var next: Int
    /// The number of seconds for which `value()` had to wait.
    package private(set) var secondsWaited = 0.0

    /// Starts computing the first values.
    /// - Parameters:
    ///   - first: The number of the first value.
    ///   - threads: The number of threads that compute.
    ///   - ahead: The number of values that are computed or kept before they are requested.
    package init(from first: Int, threads: Int, ahead: Int, _ compute: @escaping @Sendable (Int) -> Value) {
        precondition(threads > 0 && ahead > 0, "\(threads) threads cannot compute \(ahead) values ahead")
        self.compute = compute
        self.ahead = ahead
        next = first
        workers = OperationQueue()
        workers.maxConcurrentOperationCount = threads
        workers.qualityOfService = .userInitiated
        for _ in 0..<ahead { start() }
    }

    deinit { workers.cancelAllOperations() }

    /// The next value and its number.
    package func value() -> (number: Int, value: Value) {
        let number = next - pending.count
        let first = pending.removeFirst()
        start()
        let began = DispatchTime.now().uptimeNanoseconds
        let value = first.wait()
        secondsWaited += Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9
        return (number, value)
    }

    private func start() {
        let place = Pending<Value>()
        let number = next
        pending.append(place)
        next += 1
        workers.addOperation { [compute] in place.finish(compute(number)) }
    }
}

/// A value that another thread computes.
private final class Pending<Value: Sendable>: Sendable {
    private let result = Mutex<Value?>(nil)
    private let ready = DispatchSemaphore(value: 0)

    func finish(_ value: Value) {
        result.withLock { $0 = value }
        ready.signal()
    }

    /// Waits for the value; to be called once.
    func wait() -> Value {
        ready.wait()
        guard let value = result.withLock({ $0 }) else { preconditionFailure("a prefetched value was taken twice") }
        return value
    }
}
