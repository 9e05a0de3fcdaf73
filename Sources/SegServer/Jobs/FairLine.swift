/// A queue in which clients take turns, so that a client with many entries does not block others. Within a client, the
/// earliest entry comes first.
///
/// Start-time fair queueing with equal shares: Goyal, Vin and Cheng, SIGCOMM 1996.
package struct FairLine<Item: AnyObject> {
    private let limit: Int
    private var places: [(item: Item, client: String)] = []
    /// The number of each client's last turn. If a client without entries adds one, the client's number becomes at
    /// least `turn - 1`, just before the latest turn.
    private var turns: [String: Int] = [:]
    private var turn = 0

    /// The maximum number of clients whose turns are remembered.
    private static var mostClients: Int { 1000 }

    /// - Parameter limit: The maximum number of entries.
    package init(limit: Int) { self.limit = limit }

    /// The number of entries.
    package var count: Int { places.count }

    /// The maximum number of entries of one client: some places stay free for other clients.
    package var share: Int { limit - (limit > 1 ? max(1, limit / 4) : 0) }

    /// Whether a client may add an entry.
    package func hasRoom(for client: String) -> Bool { count < limit && count(of: client) < share }

    /// The number of entries of a client.
    package func count(of client: String) -> Int { places.count { $0.client == client } }

    /// Adds an entry for a client.
    package mutating func append(_ item: Item, of client: String) {
        if count(of: client) == 0 { turns[client] = max(turns[client] ?? 0, turn - 1) }
        places.append((item, client))
    }

    /// Removes an entry; false if it is not in the queue.
    package mutating func remove(_ item: Item) -> Bool {
        guard let index = places.firstIndex(where: { $0.item === item }) else { return false }
        places.remove(at: index)
        return true
    }

    /// Removes and returns the next entry.
    package mutating func next() -> Item? {
        let first = places.indices.min { a, b in
            (turns[places[a].client] ?? 0, a) < (turns[places[b].client] ?? 0, b)
        }
        guard let first else { return nil }
        let (item, client) = places.remove(at: first)
        // Steps of two leave a number before each turn free.
        turn += 2
        turns[client] = turn
        if turns.count > Self.mostClients, let oldest = turns.min(by: { $0.value < $1.value }) {
            turns[oldest.key] = nil
        }
        return item
    }

    /// All entries in the order of the turns.
    package var order: [Item] {
        var copy = self
        return (0..<count).compactMap { _ in copy.next() }
    }
}
