internal import NIOCore
internal import Synchronization

/// The server's open connections.
final class ConnectionTable: Sendable {
    private struct State {
        var ledger: ConnectionLedger<ObjectIdentifier>
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let state: Mutex<State>
    private let proxies: Proxies

    init(limits: ServerLimits, proxies: Proxies) {
        state = Mutex(State(ledger: ConnectionLedger(limit: limits.connections, share: limits.peerConnections)))
        self.proxies = proxies
    }

    /// The seconds of the clock for connections.
    static var now: Double { Double(NIODeadline.now().uptimeNanoseconds) / 1e9 }

    /// Admits a connection, if necessary in place of another; returns whether it is admitted.
    func open(_ channel: any Channel) -> Bool {
        let address = channel.remoteAddress
        let peer = proxies.contains(address) ? nil : Peer(address).description
        return admit(channel) { $0.open(ObjectIdentifier(channel), peer: peer, at: Self.now) }
    }

    /// Records a request, which on a proxy's connection may be of any client; returns whether it is admitted.
    func begin(_ channel: any Channel, forwardedFor: String?) -> Bool {
        let client = proxies.client(at: channel.remoteAddress, forwardedFor: forwardedFor, forwardedProto: nil)
        return admit(channel) { $0.begin(ObjectIdentifier(channel), peer: client.peer.description, at: Self.now) }
    }

    /// Records bytes of a request.
    func receive(_ channel: any Channel, bytes: Int) {
        state.withLock { $0.ledger.receive(ObjectIdentifier(channel), bytes: bytes) }
    }

    /// Records that a request is complete.
    func work(_ channel: any Channel) { state.withLock { $0.ledger.work(ObjectIdentifier(channel)) } }

    /// Records that the client has received nothing since a time.
    func stall(_ channel: any Channel, since: Double) {
        state.withLock { $0.ledger.wait(ObjectIdentifier(channel), since: since) }
    }

    /// Records that the server waits for the next request.
    func rest(_ channel: any Channel) {
        let isShared = proxies.contains(channel.remoteAddress)
        state.withLock { $0.ledger.wait(ObjectIdentifier(channel), since: Self.now, isShared: isShared) }
    }

    /// Removes a connection.
    func close(_ channel: any Channel) {
        state.withLock { state in
            state.ledger.close(ObjectIdentifier(channel))
            state.channels[ObjectIdentifier(channel)] = nil
        }
    }

    private func admit(
        _ channel: any Channel,
        _ decide: (inout ConnectionLedger<ObjectIdentifier>) -> ConnectionLedger<ObjectIdentifier>.Admission
    ) -> Bool {
        let (isAdmitted, displaced) = state.withLock { state -> (Bool, (any Channel)?) in
            switch decide(&state.ledger) {
            case .refused: return (false, nil)
            case .accepted:
                state.channels[ObjectIdentifier(channel)] = channel
                return (true, nil)
            case .replacing(let id):
                state.channels[ObjectIdentifier(channel)] = channel
                return (true, state.channels.removeValue(forKey: id))
            }
        }
        displaced?.pipeline.fireUserInboundEventTriggered(ConnectionGate.Displaced())
        return isAdmitted
    }
}
