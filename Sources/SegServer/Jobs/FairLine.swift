/// A line in which clients take turns, so that one with many places holds up nobody. Of one client the earliest place
/// comes first.
///
/// Start-time fair queueing with equal shares: Goyal, Vin and Cheng, SIGCOMM 1996.
package struct FairLine<Item: AnyObject> {
    private let limit: Int
    private var places: [(item: Item, client: String)] = []
    /// When each client had its last turn. A client that comes anew is put just before the one that had the last.
    private var turns: [String: Int] = [:]
    private var turn = 0

    /// Clients whose turns are remembered.
    private static var mostClients: Int { 1000 }

    /// - Parameter limit: Places of the line.
    package init(limit: Int) { self.limit = limit }

    /// Places that are taken.
    package var count: Int { places.count }

    /// Places that one client may take: some stay free for the others.
    package var share: Int { limit - (limit > 1 ? max(1, limit / 4) : 0) }

    /// Whether a client may take another place.
    package func hasRoom(for client: String) -> Bool { count < limit && count(of: client) < share }

    /// Places that a client has taken.
    package func count(of client: String) -> Int { places.count { $0.client == client } }

    /// Takes a place for a client.
    package mutating func append(_ item: Item, of client: String) {
        if count(of: client) == 0 { turns[client] = max(turns[client] ?? 0, turn - 1) }
        places.append((item, client))
    }

    /// Gives a place back; false where there is none.
    package mutating func remove(_ item: Item) -> Bool {
        guard let index = places.firstIndex(where: { $0.item === item }) else { return false }
        places.remove(at: index)
        return true
    }

    /// Takes out the one whose turn it is.
    package mutating func next() -> Item? {
        let first = places.indices.min { a, b in
            (turns[places[a].client] ?? 0, a) < (turns[places[b].client] ?? 0, b)
        }
        guard let first else { return nil }
        let (item, client) = places.remove(at: first)
        // Steps of two leave a place before each turn.
        turn += 2
        turns[client] = turn
        if turns.count > Self.mostClients, let oldest = turns.min(by: { $0.value < $1.value }) {
            turns[oldest.key] = nil
        }
        return item
    }

    /// Everybody in the order of the turns.
    package var order: [Item] {
        var copy = self
        return (0..<count).compactMap { _ in copy.next() }
    }
}
