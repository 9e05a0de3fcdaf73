internal import HTTPTypes
internal import Synchronization

/// Bytes, on disk or in memory, that everything of a kind may take together.
package final class ByteBudget: Sendable {
    /// The most bytes that may be taken.
    package let limit: Int
    private let used = Mutex(0)

    package init(limit: Int) { self.limit = limit }

    /// Bytes that are taken now.
    package var count: Int { used.withLock { $0 } }

    /// Takes bytes where so many are left, and says whether.
    package func take(_ bytes: Int) -> Bool {
        used.withLock { used in
            guard bytes <= limit - used else { return false }
            used += bytes
            return true
        }
    }

    /// Takes bytes on disk.
    /// - Throws: `Refusal` where fewer are left.
    package func reserve(_ bytes: Int) throws {
        guard take(bytes) else {
            throw Refusal(
                .serverIsFull,
                "the server holds all the data it may (\(limit >> 20) MiB); delete sessions, jobs or stored images, or "
                    + "try again later")
        }
    }

    /// Counts bytes that are on the disk already, whatever the limit; a negative number gives bytes back.
    package func add(_ bytes: Int) { used.withLock { $0 += bytes } }

    /// Gives bytes back.
    package func release(_ bytes: Int) { add(-bytes) }
}
