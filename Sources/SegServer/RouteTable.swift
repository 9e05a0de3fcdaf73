internal import Foundation
internal import HTTPTypes
internal import Hummingbird

/// The routes of the server, with a list of them to compare with the description of the API.
final class RouteTable {
    typealias Context = ServerContext
    typealias Handler = @Sendable (Request, Context) async throws -> Response

    /// The router also answers HEAD for every GET.
    let router = Router(context: Context.self, options: .autoGenerateHeadEndpoints)
    private var methods: [String: [HTTPRequest.Method]] = [:]
    /// Every route as `GET /path/{name}`.
    private(set) var names: [String] = []

    /// The known HTTP methods.
    static let known: [HTTPRequest.Method] = [.get, .head, .post, .put, .delete, .patch, .options, .trace]

    func on(_ method: HTTPRequest.Method, _ path: String, use handler: @escaping Handler) {
        names.append("\(method.rawValue) \(path)")
        methods[path, default: []].append(method)
        router.on(RouterPath(path), method: method, use: handler)
    }

    /// Answers all other methods of a path with 405 and the allowed methods, and OPTIONS with 204; RFC 9110, 15.5.6.
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
                        .methodNotAllowed, "this address accepts \(allowed), not \(method.rawValue)", headers: headers)
                }
            }
        }
    }
}
