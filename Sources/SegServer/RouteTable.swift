internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// The routes of the server, with a list of them that the API's description is checked against.
final class RouteTable {
    typealias Context = BasicRequestContext
    typealias Handler = @Sendable (Request, Context) async throws -> Response

    let router = Router(context: Context.self)
    /// Every route as `GET /path/{name}`.
    private(set) var names: [String] = []

    func on(_ method: HTTPRequest.Method, _ path: String, use handler: @escaping Handler) {
        names.append("\(method.rawValue) \(path)")
        router.on(RouterPath(path), method: method, use: handler)
    }
}

extension BasicRequestContext {
    /// Who asks, as shares of the queue are counted.
    var clientName: String { "local" }

    /// A parameter of the path, decoded.
    /// - Throws: `Refusal` where it is no text.
    func text(_ name: String) throws -> String {
        guard let text = try parameters.require(name).removingPercentEncoding else {
            throw Refusal(.badRequest, "the address is not properly encoded")
        }
        return text
    }
}
