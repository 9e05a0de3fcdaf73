internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import SegCore

/// Registers every path of the server in one table.
struct Routes {
    let services: Services

    init(_ services: Services) { self.services = services }

    /// The complete table.
    /// - Throws: `DataError` if the page's files are missing.
    func table() throws -> RouteTable {
        let table = RouteTable()
        table.router.add(middleware: AnswerMiddleware(logger: services.logger, proxies: services.proxies))
        table.router.add(middleware: AccessMiddleware(access: services.access, open: Self.open))
        try addPage(to: table)
        addLogin(to: table)
        addModelsAndVolumes(to: table)
        addJobs(to: table)
        addMasks(to: table)
        addArchive(to: table)
        addInfo(to: table)
        addInference(to: table)
        addBatches(to: table)
        addImages(to: table)
        addLabels(to: table)
        addSessions(to: table)
        addUnsupported(to: table)
        table.answerOtherMethods()
        return table
    }

    /// The routes that need no login: the login itself, and the page's files, which contain no user data.
    private static let open: Set<String> = [
        "/login", "/auth", "/auth/token", "/static/{file}", "/openapi.json", "/healthz",
    ]

    // MARK: - Login

    private func addLogin(to table: RouteTable) {
        let services = services
        table.on(.get, "/healthz") { _, _ in .json(["status": "ok"]) }
        table.on(.post, "/login") { request, context in
            let form = try await request.body.fields(headers: request.headers, limit: 4096)
            // Checked only after the form has arrived. Otherwise a client could open many forms at the same time and
            // have the tokens of all of them tried.
            do {
                try services.access.brake.check(context.client.peer)
            } catch is Refusal {
                return Response(status: .seeOther, headers: [.location: "/login?wait"])
            }
            guard let token = form["token"], services.access.accepts(token) else {
                try await services.access.brake.punish(context.client.peer)
                return Response(status: .seeOther, headers: [.location: "/login?failed"])
            }
            let cookie = services.access.makeCookie(isSecure: context.client.isSecure)
            return Response(status: .seeOther, headers: [.location: "/", .setCookie: cookie])
        }
        table.on(.post, "/logout") { request, _ in
            services.access.forget(request)
            return Response(status: .seeOther, headers: [.location: "/login"])
        }
        table.on(.get, "/auth") { _, _ in
            .json(["enabled": .bool(services.access.isEnabled), "client_id": "medseg", "realm": .null])
        }
        table.on(.post, "/auth/token") { request, context in
            guard services.access.isEnabled else { return .json(["access_token": .null, "token_type": .null]) }
            let form = try await request.body.fields(headers: request.headers, limit: 4096)
            try services.access.brake.check(context.client.peer)
            guard let password = form["password"], services.access.accepts(password) else {
                try await services.access.brake.punish(context.client.peer)
                throw Refusal(.unauthorized, "the password should be the server's token; any user name will do")
            }
            return .json(["access_token": .string(password), "token_type": "Bearer"])
        }
        table.on(.get, "/auth/token/valid") { _, _ in .json(["username": "user"]) }
    }
}
