internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// Turns errors into responses, adds the headers that every response has, and writes one log line.
///
/// A log line contains the route, never the path: ids and names in a path may identify a patient.
struct AnswerMiddleware: RouterMiddleware {
    let logger: Logger
    let proxies: Proxies

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            response = try await next(request, completed(context, request))
        } catch {
            response = answer(to: error, request, context)
        }
        for (name, value) in Self.headers where response.headers[name] == nil { response.headers[name] = value }
        let microseconds = Double((ContinuousClock.now - start) / .microseconds(1))
        let milliseconds = (microseconds / 100).rounded() / 10
        let route = context.endpointPath ?? "(no such route)"
        logger.debug("\(request.method.rawValue) \(route) \(response.status.code) \(milliseconds) ms")
        return response
    }

    /// The context with the information of the request's head.
    /// - Throws: `Refusal` if the head is not valid, for any path.
    private func completed(_ context: ServerContext, _ request: Request) throws -> ServerContext {
        guard RouteTable.known.contains(request.method) else {
            throw Refusal(.notImplemented, "this server does not support this method")
        }
        try RequestQuery.check(request.uri.query ?? "")
        var context = context
        context.client = proxies.client(
            at: context.remoteAddress, forwardedFor: request.headers[.xForwardedFor],
            forwardedProto: request.headers[.xForwardedProto])
        // With If-Range the client may have another version of the file. A part of this version would not fit that one.
        context.range = request.headers[.ifRange] == nil ? request.headers[.range] : nil
        return context
    }

    private func answer(to error: any Error, _ request: Request, _ context: ServerContext) -> Response {
        let refusal = Refusal(error)
        if refusal.status == .internalServerError {
            logger.error("request failed", metadata: ["kind": "\(type(of: error))", "detail": "\(refusal.detail)"])
        }
        return refusal.response(from: request, context: context)
    }

    private static var headers: [(HTTPField.Name, String)] {
        [
            (
                .contentSecurityPolicy,
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
                    + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            ),
            (.xContentTypeOptions, "nosniff"),
            // With "no-referrer" the login's own form would have the origin "null".
            (.referrerPolicy, "same-origin"),
            (.crossOriginResourcePolicy, "same-origin"),
        ]
    }
}

extension HTTPResponse.Status {
    /// 507: the disk, or the server's share of it, is full.
    static let serverIsFull = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}

extension HTTPField.Name {
    // These names are valid, so `!` cannot fail.
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
    static let crossOriginResourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy")!
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
    static let xForwardedProto = HTTPField.Name("X-Forwarded-Proto")!
}

/// Passes on the requests that `AccessControl` allows. A request for the page that is not allowed is redirected to the login;
/// any other request that is not allowed is refused.
struct AccessMiddleware: RouterMiddleware {
    let access: AccessControl
    /// The routes that need no login.
    let open: Set<String>

    func handle(
        _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
    ) async throws -> Response {
        try access.checkOrigin(request)
        if open.contains(context.endpointPath ?? "") { return try await next(request, context) }
        if try await access.isAllowed(request, of: context.client) { return try await next(request, context) }
        if request.method == .get, context.endpointPath == "/" {
            return Response(status: .seeOther, headers: [.location: "/login"])
        }
        throw Refusal(.unauthorized, "this server requires its token, as 'Authorization: Bearer …'")
    }
}
