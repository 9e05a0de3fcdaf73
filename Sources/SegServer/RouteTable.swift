internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// The routes of the server, with a list of them that the API's description is checked against.
final class RouteTable {
    typealias Context = ServerContext
    typealias Handler = @Sendable (Request, Context) async throws -> Response

    /// Where a GET is answered, so is a HEAD.
    let router = Router(context: Context.self, options: .autoGenerateHeadEndpoints)
    private var methods: [String: [HTTPRequest.Method]] = [:]
    /// Every route as `GET /path/{name}`.
    private(set) var names: [String] = []

    /// The methods that HTTP knows for a resource.
    static let known: [HTTPRequest.Method] = [.get, .head, .post, .put, .delete, .patch, .options, .trace]

    func on(_ method: HTTPRequest.Method, _ path: String, use handler: @escaping Handler) {
        names.append("\(method.rawValue) \(path)")
        methods[path, default: []].append(method)
        router.on(RouterPath(path), method: method, use: handler)
    }

    /// Answers the other methods of every path by the ones that it has; RFC 9110, 15.5.6.
    func answerOtherMethods() {
        for (path, methods) in methods {
            let implied: [HTTPRequest.Method] = methods.contains(.get) ? [.head, .options] : [.options]
            let allowed = Set(methods + implied).map(\.rawValue).sorted().joined(separator: ", ")
            let headers: HTTPFields = [.allow: allowed]
            for method in Self.known where !methods.contains(method) {
                if method == .head, methods.contains(.get) { continue }
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    if method == .options { return Response(status: .noContent, headers: headers) }
                    throw Refusal(
                        .methodNotAllowed, "this address takes \(allowed), not \(method.rawValue)", headers: headers)
                }
            }
        }
    }
}
