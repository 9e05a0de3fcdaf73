/// The minimum speed at which a client must send its request and receive the response.
///
/// Only the time in which the server waits counts: while the server does not read, a client does not count as slow.
/// A slow client would otherwise keep a connection and its request's resources indefinitely (CVE-2007-6750 and
/// similar).
package struct ClientPace {
    private let limits: ServerLimits
    private let opened: Double
    private var hasBegun = false
    /// Whether a request is arriving.
    private(set) package var isReceiving = false
    /// The time since which the server waits for bytes; nil while it does not read.
    private var reading: Double?
    /// The seconds and bytes of the current interval.
    private var waited = 0.0
    private var received = 0
    /// The number of pieces in which the body has come so far, and their bytes.
    private var pieces = 0
    private var bytes = 0
    /// The number of unsent parts of responses, and the time of the last sent part.
    private var unsent = 0
    private var lastSent = 0.0

    /// Creates the pace of a connection that has just opened.
    /// - Parameter now: Seconds of a monotonic clock.
    package init(limits: ServerLimits, at now: Double) {
        self.limits = limits
        opened = now
    }

    /// Records that a request's head arrived.
    package mutating func begin() {
        hasBegun = true
        isReceiving = true
        waited = 0
        received = 0
        (pieces, bytes) = (0, 0)
    }

    /// Records a piece of a body, such as a chunk.
    package mutating func receive(_ bytes: Int) {
        received += bytes
        self.bytes += bytes
        pieces += 1
    }

    /// Whether the body has come in thousands of pieces of a few bytes. A piece of one byte takes as long as one of thousands,
    /// so other clients would wait.
    package var isFragmented: Bool { pieces >= Self.mostPieces && bytes < Self.leastPiece * pieces }

    private static let mostPieces = 4096
    private static let leastPiece = 32

    /// Records that the request is complete.
    package mutating func end() { isReceiving = false }

    /// Records that the server begins to wait for bytes.
    package mutating func read(at now: Double) { reading = reading ?? now }

    /// Records that the server has bytes to process.
    package mutating func stopReading(at now: Double) {
        if let reading { waited += now - reading }
        reading = nil
    }

    /// Records that a part of a response is being sent.
    package mutating func send(at now: Double) {
        if unsent == 0 { lastSent = now }
        unsent += 1
    }

    /// Records that a part of a response was sent.
    package mutating func sent(at now: Double) {
        unsent -= 1
        lastSent = now
    }

    /// The time since which the client has received nothing although data are pending; nil if nothing is pending.
    package var isStalledSince: Double? { unsent > 0 ? lastSent : nil }

    /// A fault of a client.
    package enum Fault: Equatable {
        /// The client sent no request.
        case silent
        /// The client sends the body too slowly.
        case slowBody
        /// The client does not receive the response.
        case slowReader
    }

    /// Checks the client, and starts a new interval if one is over.
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
