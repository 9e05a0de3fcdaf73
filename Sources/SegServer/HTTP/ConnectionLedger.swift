/// The open connections, and the choice of the one that a new connection replaces.
///
/// A peer may have at most its share of the connections. If the share or the total is used up, a new connection replaces an old
/// one: of the peer with the most connections, the connection with the fewest bytes per second. Only connections for which the
/// server waits can be replaced, never one whose request it processes. Therefore a slow client gives way to a faster one,
/// however many addresses it has.
package struct ConnectionLedger<ID: Hashable> {
    /// The decision on a new connection, or on a request by another peer on an open one.
    package enum Admission: Equatable {
        case accepted
        /// Accepted in place of another connection, which must be closed.
        case replacing(ID)
        case refused
    }

    private struct Entry {
        /// Nil if a proxy owns the connection and has not yet named a client.
        var peer: String?
        /// Whether the server waits for the client: for a request, for the rest of one, or to receive a response.
        var waits = true
        var since: Double
        var bytes = 0
    }

    private let limit: Int
    private let share: Int
    private var entries: [ID: Entry] = [:]
    /// The seconds in which a new connection can be replaced only by a peer with fewer connections.
    private let grace = 0.25

    /// - Parameters:
    ///   - limit: The maximum number of connections.
    ///   - share: The maximum number of connections of one peer.
    package init(limit: Int, share: Int) {
        self.limit = limit
        self.share = share
    }

    /// The number of open connections.
    package var count: Int { entries.count }

    /// Admits or refuses a new connection.
    /// - Parameters:
    ///   - peer: The peer; nil if a proxy will name it with each request.
    ///   - now: Seconds of a monotonic clock.
    package mutating func open(_ id: ID, peer: String?, at now: Double) -> Admission {
        var admission = Admission.accepted
        if let peer, count(of: peer) >= share {
            admission = replace(for: peer, now) { $0.peer == peer }
        } else if entries.count >= limit {
            admission = replace(for: peer, now) { _ in true }
        }
        if admission != .refused { entries[id] = Entry(peer: peer, since: now) }
        return admission
    }

    /// Records the start of a request, which may be of another peer than the last one.
    package mutating func begin(_ id: ID, peer: String, at now: Double) -> Admission {
        guard let entry = entries[id] else { return .refused }
        var admission = Admission.accepted
        if entry.peer != peer, count(of: peer) >= share {
            admission = replace(for: peer, now) { $0.peer == peer }
        }
        entries[id] = admission == .refused ? entry : Entry(peer: peer, since: now)
        return admission
    }

    /// Records bytes of a request.
    package mutating func receive(_ id: ID, bytes: Int) { entries[id]?.bytes += bytes }

    /// Records that the server processes a complete request.
    package mutating func work(_ id: ID) { entries[id]?.waits = false }

    /// Records that the server waits for the client since a time.
    /// - Parameter isShared: Whether the connection belongs to a proxy whose next request may be of any client.
    package mutating func wait(_ id: ID, since: Double, isShared: Bool = false) {
        guard let entry = entries[id] else { return }
        entries[id] = Entry(peer: isShared ? nil : entry.peer, since: since)
    }

    /// Removes a closed connection.
    package mutating func close(_ id: ID) { entries[id] = nil }

    private func count(of peer: String) -> Int { entries.values.count { $0.peer == peer } }

    /// Removes the slowest replaceable connection of the peer with the most connections.
    private mutating func replace(for peer: String?, _ now: Double, _ mayGiveWay: (Entry) -> Bool) -> Admission {
        let counts = entries.values.reduce(into: [:]) { $0[$1.peer, default: 0] += 1 }
        let own = counts[peer] ?? 0
        let slow = entries.filter { _, entry in
            let hasMore = counts[entry.peer] ?? 0 > own + 1
            return entry.waits && (hasMore || now - entry.since >= grace) && mayGiveWay(entry)
        }
        let first = slow.min { a, b in
            let (most, other) = (counts[a.value.peer] ?? 0, counts[b.value.peer] ?? 0)
            if most != other { return most > other }
            let (slower, faster) = (rate(a.value, now), rate(b.value, now))
            return slower != faster ? slower < faster : a.value.since < b.value.since
        }
        guard let first else { return .refused }
        entries[first.key] = nil
        return .replacing(first.key)
    }

    private func rate(_ entry: Entry, _ now: Double) -> Double { Double(entry.bytes) / max(now - entry.since, 0.001) }
}
