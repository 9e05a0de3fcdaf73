internal import Dispatch
internal import SegCore

/// Detects whether the other ranks are alive: each rank sends every other rank a byte per second.
///
/// No library reliably reports that a rank was killed, and a rank that computes for a long time must not count as lost.
/// The message thread sends its bytes while other threads compute, therefore silence means that the process or its
/// machine is gone.
struct RankWatch {
    private static let tag = 1

    /// The meaning of a byte.
    private enum Sign: UInt8 {
        case alive = 1
        case leaving
    }

    /// The state of another rank.
    private struct Peer {
        let rank: Int
        /// The buffers of the received byte and of the sent byte.
        let bytes: UnsafeMutablePointer<UInt8>
        var incoming: (any Transfer)?
        var outgoing: (any Transfer)?
        var silence = 0.0
        var hasLeft = false
        var heardMyLeave = false
    }

    private let transport: any Transport
    /// Seconds of silence after which a rank counts as lost.
    private let patience: Double
    private let bytes: UnsafeMutablePointer<UInt8>
    private var peers: [Peer]
    private var lastTick = Self.now
    private var lastSign = 0.0
    private var isLeaving = false

    init(_ transport: any Transport, patience: Double) throws(RankError) {
        (self.transport, self.patience) = (transport, patience)
        let place = transport.place
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * place.count)
        self.bytes = bytes
        peers = (0..<place.count).filter { $0 != place.rank }.map { Peer(rank: $0, bytes: bytes + 2 * $0) }
        for index in peers.indices { try listen(&peers[index]) }
    }

    /// Frees the buffers; no transfer may be in progress.
    func end() { bytes.deallocate() }

    /// Whether every rank has sent its goodbye and has got the goodbye of this rank.
    var isOver: Bool { peers.allSatisfy { $0.hasLeft && $0.heardMyLeave } }

    /// Whether a rank has sent its goodbye.
    func hasLeft(_ rank: Int) -> Bool { peers.contains { $0.rank == rank && $0.hasLeft } }

    /// Sends a goodbye from now on, so that no rank counts this one as lost.
    mutating func leave() {
        isLeaving = true
        lastSign = 0
    }

    /// Checks for bytes of the others and sends one; must be called several times a second.
    /// - Throws: `RankError` if a rank was silent for too long, or a message fails.
    mutating func tick() throws(RankError) {
        let now = Self.now
        // A process that was suspended received nothing meanwhile; this must not count as silence of the others.
        let passed = min(now - lastTick, 1)
        lastTick = now
        let isDue = now - lastSign >= 1
        if isDue { lastSign = now }
        for index in peers.indices {
            try hear(&peers[index], passed: passed)
            try speak(&peers[index], isDue: isDue)
        }
    }

    private func hear(_ peer: inout Peer, passed: Double) throws(RankError) {
        guard let incoming = peer.incoming else { return }
        guard try incoming.isDone() else {
            peer.silence += passed
            guard peer.silence < patience else {
                throw RankError(
                    .unavailable,
                    "rank \(peer.rank) has not answered for \(Int(patience)) s: it was killed, or its machine is gone. "
                        + "All ranks stop. The last checkpoint is complete: continue the run with --resume, also on "
                        + "another number of ranks")
            }
            return
        }
        peer.incoming = nil
        peer.silence = 0
        if peer.bytes[0] == Sign.leaving.rawValue { peer.hasLeft = true } else { try listen(&peer) }
    }

    private func speak(_ peer: inout Peer, isDue: Bool) throws(RankError) {
        if let outgoing = peer.outgoing {
            guard try outgoing.isDone() else { return }
            peer.outgoing = nil
            peer.heardMyLeave = peer.bytes[1] == Sign.leaving.rawValue
        }
        guard isDue, !peer.heardMyLeave else { return }
        peer.bytes[1] = (isLeaving ? Sign.leaving : .alive).rawValue
        peer.outgoing = try transport.send(
            UnsafeRawBufferPointer(start: peer.bytes + 1, count: 1), to: peer.rank, tag: Self.tag)
    }

    private func listen(_ peer: inout Peer) throws(RankError) {
        peer.incoming = try transport.receive(
            UnsafeMutableRawBufferPointer(start: peer.bytes, count: 1), from: peer.rank, tag: Self.tag)
    }

    private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }
}
