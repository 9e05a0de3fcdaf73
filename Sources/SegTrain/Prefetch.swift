internal import Foundation
internal import Synchronization

/// A value that is computed on another thread while this one works.
final class Prefetch<Value: Sendable>: Sendable {
    private let result = Mutex<Value?>(nil)
    private let ready = DispatchSemaphore(value: 0)

    /// Starts computing.
    init(_ compute: @escaping @Sendable () -> Value) {
        DispatchQueue.global(qos: .userInitiated).async { [self] in
            let value = compute()
            result.withLock { $0 = value }
            ready.signal()
        }
    }

    /// Waits for the value; to be called once.
    func value() -> Value {
        ready.wait()
        guard let value = result.withLock({ $0 }) else { preconditionFailure("a prefetched value was taken twice") }
        return value
    }
}
