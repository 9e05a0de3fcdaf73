internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// What is known of a request beside the request.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The other end of the connection: the client's, or a proxy's.
    let remoteAddress: SocketAddress?
    /// Who asks.
    var client: Client
    /// The bytes of a file that are asked for, as the header `Range` says it.
    var range: String?

    /// Who asks, as shares of the queue are counted.
    var clientName: String { client.peer.description }

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress
        client = Client(peer: Peer(source.channel.remoteAddress))
    }

    /// A parameter of the path, decoded.
    /// - Throws: `Refusal` where it is no text.
    func text(_ name: String) throws -> String {
        guard let text = try parameters.require(name).removingPercentEncoding else {
            throw Refusal(.badRequest, "the address is not properly encoded")
        }
        return text
    }
}
