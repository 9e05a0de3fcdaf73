internal import HTTPTypes
internal import Synchronization

/// Runs one long request at a time. Clients take turns.
final class Turns: Sendable {
    private struct State {
        var isBusy = false
        var waiting: FairLine<Place>
        var turns: [ObjectIdentifier: CheckedContinuation<Void, any Error>] = [:]
    }

    /// A position in the queue.
    private final class Place: Sendable {}

    private let state: Mutex<State>
    /// The name of the waiting requests in messages.
    private let name: String

    /// Creates an empty queue.
    /// - Parameters:
    ///   - name: The name of the waiting requests in messages, such as "requests for DICOM".
    ///   - limit: The maximum number of waiting requests.
    init(of name: String, limit: Int) {
        self.name = name
        state = Mutex(State(waiting: FairLine(limit: limit)))
    }

    /// Waits for the client's turn, which lasts until `end`.
    /// - Throws: `Refusal` if the queue, or the client's share of it, is full; `CancellationError`.
    func begin(of client: String) async throws {
        let place = Place()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if let outcome = enter(place, of: client, continuation) { continuation.resume(with: outcome) }
            }
        } onCancel: {
            leave(place)
        }
    }

    /// Ends the turn and begins the next one.
    func end() {
        let next = state.withLock { state in
            guard let place = state.waiting.next() else {
                state.isBusy = false
                return nil as CheckedContinuation<Void, any Error>?
            }
            return state.turns.removeValue(forKey: ObjectIdentifier(place))
        }
        next?.resume()
    }

    /// The immediate result of a request; nil if the request waits.
    private func enter(
        _ place: Place, of client: String, _ continuation: CheckedContinuation<Void, any Error>
    ) -> Result<Void, any Error>? {
        state.withLock { state in
            // If the task is cancelled after this check, `leave` finds its position in the queue.
            guard !Task.isCancelled else { return .failure(CancellationError()) }
            guard state.isBusy else {
                state.isBusy = true
                return .success(())
            }
            guard state.waiting.hasRoom(for: client) else {
                let own = state.waiting.count(of: client)
                return .failure(
                    Refusal(.tooManyRequests, "\(own) of your \(name) are already waiting; try again later"))
            }
            state.waiting.append(place, of: client)
            state.turns[ObjectIdentifier(place)] = continuation
            return nil
        }
    }

    private func leave(_ place: Place) {
        let left = state.withLock { state in
            state.waiting.remove(place) ? state.turns.removeValue(forKey: ObjectIdentifier(place)) : nil
        }
        left?.resume(throwing: CancellationError())
    }
}
