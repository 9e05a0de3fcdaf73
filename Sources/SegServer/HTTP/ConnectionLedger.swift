/// Which connections are open, and which one gives way to a new one.
///
/// One peer has at most its share. Where the share or the whole is used up, a new connection replaces another: of the
/// peer that has the most connections, the one that has sent the fewest bytes a second. Only connections that the
/// server waits for are replaced, never one whose request it works on. So a client that sends slowly gives way to one
/// that sends faster, however many addresses it has.
package struct ConnectionLedger<ID: Hashable> {
    /// What becomes of a new connection, or of a request by another peer on an open one.
    package enum Admission: Equatable {
        case accepted
        /// Accepted in place of another, which is to be closed.
        case replacing(ID)
        case refused
    }

    private struct Entry {
        /// Nil where a proxy has the connection and has not said for whom.
        var peer: String?
        /// Whether the server waits for the client: for a request, for the rest of one, or to take an answer.
        var waits = true
        var since: Double
        var bytes = 0
    }

    private let limit: Int
    private let share: Int
    private var entries: [ID: Entry] = [:]
    /// Seconds in which a connection gives way to none but a peer with fewer.
    private let grace = 0.25

    /// - Parameters:
    ///   - limit: Connections in all.
    ///   - share: Connections of one peer.
    package init(limit: Int, share: Int) {
        self.limit = limit
        self.share = share
    }

    /// Connections that are open.
    package var count: Int { entries.count }

    /// Takes a new connection.
    /// - Parameters:
    ///   - peer: Who it is from; nil where a proxy will say with each request.
    ///   - now: Seconds on any clock.
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

    /// Notes that a request has begun, of a peer that may be another than the last.
    package mutating func begin(_ id: ID, peer: String, at now: Double) -> Admission {
        guard let entry = entries[id] else { return .refused }
        var admission = Admission.accepted
        if entry.peer != peer, count(of: peer) >= share {
            admission = replace(for: peer, now) { $0.peer == peer }
        }
        entries[id] = admission == .refused ? entry : Entry(peer: peer, since: now)
        return admission
    }

    /// Notes bytes of a request.
    package mutating func receive(_ id: ID, bytes: Int) { entries[id]?.bytes += bytes }

    /// Notes that the server works on a request that has come whole.
    package mutating func work(_ id: ID) { entries[id]?.waits = false }

    /// Notes that the server waits for the client, since a time.
    /// - Parameter isShared: Whether the connection is a proxy's again, for anybody.
    package mutating func wait(_ id: ID, since: Double, isShared: Bool = false) {
        guard let entry = entries[id] else { return }
        entries[id] = Entry(peer: isShared ? nil : entry.peer, since: since)
    }

    /// Forgets a connection that is closed.
    package mutating func close(_ id: ID) { entries[id] = nil }

    private func count(of peer: String) -> Int { entries.values.count { $0.peer == peer } }

    /// Makes room: takes out the slowest of the connections that may give way, of the peer that has the most.
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
