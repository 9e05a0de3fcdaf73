internal import HTTPTypes
internal import Synchronization

/// Lets one request at a time do something that takes long. Clients take turns.
final class Turns: Sendable {
    private struct State {
        var isBusy = false
        var waiting: FairLine<Place>
        var turns: [ObjectIdentifier: CheckedContinuation<Void, any Error>] = [:]
    }

    /// A place in the line.
    private final class Place: Sendable {}

    private let state: Mutex<State>
    /// What waits, for people.
    private let name: String

    /// - Parameters:
    ///   - name: What waits, such as "requests for DICOM".
    ///   - limit: Requests that may wait.
    init(of name: String, limit: Int) {
        self.name = name
        state = Mutex(State(waiting: FairLine(limit: limit)))
    }

    /// Returns once it is a client's turn, which lasts until `end`.
    /// - Throws: `Refusal` where the line, or the client's share of it, is full; `CancellationError`.
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

    /// Gives the turn to the next.
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

    /// What comes of a request at once; nil where it waits.
    private func enter(
        _ place: Place, of client: String, _ continuation: CheckedContinuation<Void, any Error>
    ) -> Result<Void, any Error>? {
        state.withLock { state in
            // A task that is cancelled from here on finds its place in the line.
            guard !Task.isCancelled else { return .failure(CancellationError()) }
            guard state.isBusy else {
                state.isBusy = true
                return .success(())
            }
            guard state.waiting.hasRoom(for: client) else {
                let own = state.waiting.count(of: client)
                return .failure(
                    Refusal(.tooManyRequests, "\(own) of your \(name) wait already; try again later"))
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
