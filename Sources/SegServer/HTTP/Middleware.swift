internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging

/// Turns errors into answers, adds the headers that every answer has, and writes one log line.
///
/// A log line names the route, never the address: ids and names in an address may be a patient's.
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

    /// The context with what the request's head says.
    /// - Throws: `Refusal` where the head makes no sense, wherever it leads.
    private func completed(_ context: ServerContext, _ request: Request) throws -> ServerContext {
        guard RouteTable.known.contains(request.method) else {
            throw Refusal(.notImplemented, "this server knows no such method")
        }
        try RequestQuery.check(request.uri.query ?? "")
        var context = context
        context.client = proxies.client(
            at: context.remoteAddress, forwardedFor: request.headers[.xForwardedFor],
            forwardedProto: request.headers[.xForwardedProto])
        // A part of another state of the file than the client has would be no part of it.
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
    /// 507: the disk, or the share of it that the server may use, is full.
    static let serverIsFull = HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
}

extension HTTPField.Name {
    // Constants of valid header names.
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
    static let crossOriginResourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy")!
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
    static let xForwardedProto = HTTPField.Name("X-Forwarded-Proto")!
}

/// Lets through what `AccessControl` allows; a person is led to the login, a program is told.
struct AccessMiddleware: RouterMiddleware {
    let access: AccessControl
    /// Routes that must answer before anybody has logged in.
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
        throw Refusal(.unauthorized, "this server asks for its token, as 'Authorization: Bearer …'")
    }
}
