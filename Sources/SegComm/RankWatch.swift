internal import Dispatch
internal import SegCore

/// Tells whether the other ranks are alive: each sends every other a byte a second.
///
/// No library tells reliably that a rank was killed, and a rank that computes for long must not pass for one. The thread
/// of messages answers while others compute, so silence means that a process or its machine is gone.
struct RankWatch {
    private static let tag = 1

    /// What a byte says.
    private enum Sign: UInt8 {
        case alive = 1
        case leaving
    }

    /// Another rank.
    private struct Peer {
        let rank: Int
        /// The byte that is received, and the one that is sent.
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

    /// Gives the bytes back; nothing may be on its way.
    func end() { bytes.deallocate() }

    /// Whether every rank has said that it leaves, and was told so by this one.
    var isOver: Bool { peers.allSatisfy { $0.hasLeft && $0.heardMyLeave } }

    /// Whether a rank has said good-bye.
    func hasLeft(_ rank: Int) -> Bool { peers.contains { $0.rank == rank && $0.hasLeft } }

    /// Says good-bye from now on, so that no rank takes the silence for a loss.
    mutating func leave() {
        isLeaving = true
        lastSign = 0
    }

    /// Looks for signs of the others and gives one; to be called several times a second.
    /// - Throws: `RankError` where a rank was silent for too long, or a message fails.
    mutating func tick() throws(RankError) {
        let now = Self.now
        // A process that was stopped and goes on has heard nothing meanwhile; that is no silence of others.
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
                    "rank \(peer.rank) has given no sign of life for \(Int(patience)) s: it was killed, or its machine is gone. "
                        + "All ranks stop. The last checkpoint is whole; go on with --resume, on as many ranks as fit")
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
