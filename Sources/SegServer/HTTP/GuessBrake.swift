internal import HTTPTypes
internal import Synchronization

/// Slows down guesses of the token.
///
/// Each wrong token delays its peer by half a second; the delays of one peer add up. A peer with many pending delays is told to
/// retry later without a check of its tokens, because a quick answer would reveal the right one. Other peers are not affected.
final class GuessBrake: Sendable {
    private let free = Mutex<[Peer: ContinuousClock.Instant]>([:])

    private static let delay = Duration.milliseconds(500)
    private static let mostWaiting = 8
    /// The number of known peers above which peers without a pending delay are dropped.
    private static let mostPeers = 4096

    /// Refuses a peer that has guessed too often.
    /// - Throws: `Refusal` with the time to retry.
    func check(_ peer: Peer) throws {
        let wait = free.withLock { $0[peer].map { $0 - .now } ?? .zero }
        guard wait > Self.delay * Self.mostWaiting else { return }
        throw Refusal(
            .tooManyRequests, "too many wrong tokens came from your address; try again in a few seconds",
            headers: [.retryAfter: "\(wait.components.seconds + 1)"])
    }

    /// Waits for the delay of a wrong token.
    /// - Throws: `CancellationError` if the client has disconnected.
    func punish(_ peer: Peer) async throws {
        let end = free.withLock { free in
            let now = ContinuousClock.now
            if free.count >= Self.mostPeers { free = free.filter { $0.value > now } }
            let end = max(now, free[peer] ?? now) + Self.delay
            free[peer] = end
            return end
        }
        try await Task.sleep(until: end, clock: .continuous)
    }
}
