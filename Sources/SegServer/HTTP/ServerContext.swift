internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// The data of a request beside the request itself.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The address at the other end of the connection: the client, or a proxy.
    let remoteAddress: SocketAddress?
    /// The client of the request.
    var client: Client
    /// The requested bytes of a file, as the header `Range` gives them.
    var range: String?

    /// The client's name for its share of the queue.
    var clientName: String { client.peer.description }

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        remoteAddress = source.channel.remoteAddress
        client = Client(peer: Peer(source.channel.remoteAddress))
    }

    /// A decoded parameter of the path.
    /// - Throws: `Refusal` if it is not valid text.
    func text(_ name: String) throws -> String {
        guard let text = try parameters.require(name).removingPercentEncoding else {
            throw Refusal(.badRequest, "the address is not properly encoded")
        }
        return text
    }
}
