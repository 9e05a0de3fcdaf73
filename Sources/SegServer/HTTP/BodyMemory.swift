internal import HTTPTypes
internal import SegCore

/// The memory for form fields and small bodies of one request, reserved until the request ends.
///
/// All requests of the process share one budget.
final class BodyMemory {
    private static let budget = ByteBudget(limit: Limits.bodyMemory)

    private var bytes = 0

    deinit { Self.budget.release(bytes) }

    /// Reserves more bytes.
    /// - Throws: `Refusal` if other requests have reserved everything.
    func grow(by more: Int) throws {
        guard Self.budget.take(more) else {
            throw Refusal(
                .serviceUnavailable, "the server is reading the maximum number of requests; try again in a moment",
                headers: [.retryAfter: "1"])
        }
        bytes += more
    }
}
