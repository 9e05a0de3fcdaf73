internal import HTTPTypes
internal import SegCore
internal import Synchronization

/// The memory that fields of forms and small bodies take, in all requests of this process together.
final class BodyMemory: Sendable {
    /// The process's one.
    static let shared = BodyMemory(limit: Limits.bodyMemory)

    private let limit: Int
    private let used = Mutex(0)

    init(limit: Int) { self.limit = limit }

    /// What one request takes of it, until the share goes.
    final class Share {
        private let memory: BodyMemory
        private var bytes = 0

        init(of memory: BodyMemory = .shared) { self.memory = memory }

        deinit { memory.used.withLock { $0 -= bytes } }

        /// Takes more.
        /// - Throws: `Refusal` where other requests have taken all.
        func grow(by more: Int) throws {
            try memory.take(more)
            bytes += more
        }
    }

    private func take(_ bytes: Int) throws {
        let fits = used.withLock { used in
            guard bytes <= limit - used else { return false }
            used += bytes
            return true
        }
        guard fits else {
            throw Refusal(
                .serviceUnavailable, "the server is reading as many requests as it may; try again in a moment",
                headers: [.retryAfter: "1"])
        }
    }
}
