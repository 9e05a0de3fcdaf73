internal import HTTPTypes
internal import Synchronization

/// The total number of bytes, on disk or in memory, that all data of a kind may use.
package final class ByteBudget: Sendable {
    /// The maximum number of bytes.
    package let limit: Int
    private let used = Mutex(0)

    package init(limit: Int) { self.limit = limit }

    /// The number of bytes in use.
    package var count: Int { used.withLock { $0 } }

    /// Reserves bytes if enough are left; returns whether it did.
    package func take(_ bytes: Int) -> Bool {
        used.withLock { used in
            guard bytes <= limit - used else { return false }
            used += bytes
            return true
        }
    }

    /// Reserves bytes on disk.
    /// - Throws: `Refusal` if too few are left.
    package func reserve(_ bytes: Int) throws {
        guard take(bytes) else {
            throw Refusal(
                .serverIsFull,
                "the server has reached its data limit (\(limit >> 20) MiB); delete sessions, jobs or stored images, or "
                    + "try again later")
        }
    }

    /// Counts bytes that are already on disk, regardless of the limit; a negative number releases bytes.
    package func add(_ bytes: Int) { used.withLock { $0 += bytes } }

    /// Releases bytes.
    package func release(_ bytes: Int) { add(-bytes) }
}
