internal import HTTPTypes
internal import Synchronization

/// Makes guessing the token slow.
///
/// A wrong token costs its peer half a second, one after another. A peer with many such waits is told to come back
/// later and its tokens are not looked at, since a right one would be known by its quick answer. Others notice nothing.
final class GuessBrake: Sendable {
    private let free = Mutex<[Peer: ContinuousClock.Instant]>([:])

    private static let delay = Duration.milliseconds(500)
    private static let mostWaiting = 8
    /// Peers that are remembered before those are dropped that wait for nothing.
    private static let mostPeers = 4096

    /// Refuses a peer that has guessed too often.
    /// - Throws: `Refusal` that says when to come back.
    func check(_ peer: Peer) throws {
        let wait = free.withLock { $0[peer].map { $0 - .now } ?? .zero }
        guard wait > Self.delay * Self.mostWaiting else { return }
        throw Refusal(
            .tooManyRequests, "too many wrong tokens came from your address; try again in a few seconds",
            headers: [.retryAfter: "\(wait.components.seconds + 1)"])
    }

    /// Waits for what a wrong token costs.
    /// - Throws: `CancellationError` where the client is gone.
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
