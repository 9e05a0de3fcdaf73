/// How fast a client must send its request and take its answer.
///
/// Only the time counts that the server waits in: a client that the server keeps from sending is not slow. A slow one
/// would keep a connection, and what its request holds, for as long as it likes (CVE-2007-6750 and its relatives).
package struct ClientPace {
    private let limits: ServerLimits
    private let opened: Double
    private var hasBegun = false
    /// Whether a request is on its way.
    private(set) package var isReceiving = false
    /// Since when bytes are waited for; nil while the server does not read.
    private var reading: Double?
    /// Seconds and bytes of this stretch.
    private var waited = 0.0
    private var received = 0
    /// Parts of answers that the client has not taken, and when it last took one.
    private var unsent = 0
    private var lastSent = 0.0

    /// Starts with a connection that opens.
    /// - Parameter now: Seconds on any clock.
    package init(limits: ServerLimits, at now: Double) {
        self.limits = limits
        opened = now
    }

    /// A request's head has come.
    package mutating func begin() {
        hasBegun = true
        isReceiving = true
        waited = 0
        received = 0
    }

    /// Bytes of a body have come.
    package mutating func receive(_ bytes: Int) { received += bytes }

    /// The request has come whole.
    package mutating func end() { isReceiving = false }

    /// The server begins to wait for bytes.
    package mutating func read(at now: Double) { reading = reading ?? now }

    /// The server has bytes to work on.
    package mutating func stopReading(at now: Double) {
        if let reading { waited += now - reading }
        reading = nil
    }

    /// A part of an answer is on its way.
    package mutating func send(at now: Double) {
        if unsent == 0 { lastSent = now }
        unsent += 1
    }

    /// The client has taken a part of an answer.
    package mutating func sent(at now: Double) {
        unsent -= 1
        lastSent = now
    }

    /// Since when the client has taken nothing of what waits for it; nil where nothing waits.
    package var isStalledSince: Double? { unsent > 0 ? lastSent : nil }

    /// What is wrong with a client.
    package enum Fault: Equatable {
        /// No request came.
        case silent
        /// The body comes too slowly.
        case slowBody
        /// The answer is not taken.
        case slowReader
    }

    /// Judges the client, and begins a new stretch where one is over.
    package mutating func check(at now: Double) -> Fault? {
        if !hasBegun, now - opened > limits.headSeconds { return .silent }
        if unsent > 0, now - lastSent > limits.sendSeconds { return .slowReader }
        guard isReceiving else { return nil }
        if let reading {
            waited += now - reading
            self.reading = now
        }
        guard waited >= limits.bodySeconds else { return nil }
        if Double(received) < Double(limits.bodyRate) * limits.bodySeconds { return .slowBody }
        waited = 0
        received = 0
        return nil
    }
}
