internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Synchronization

/// Decides which requests may use the server.
///
/// If the server has a token, a client must send the token as a bearer token, or the cookie that the login gave the client.
/// Without a token, the server listens on this machine only. A page of another site in a browser must not reach the server
/// then: neither through a host name of that site that leads here (header Host), nor through that page's forms or scripts
/// (headers Origin and Sec-Fetch-Site).
final class AccessControl: Sendable {
    /// Delays the responses to wrong tokens.
    let brake = GuessBrake()
    private let token: String?
    private let host: String
    /// The valid cookies with their expiry times.
    private let cookies = Mutex<[String: Date]>([:])

    static let cookieName = "medseg_session"
    private static let cookieSeconds = 12 * 3600.0
    /// The maximum number of valid cookies: more logins than human users would have.
    private static let cookieLimit = 10_000

    init(token: String?, host: String) {
        self.token = token
        self.host = host
    }

    /// Whether a token is required.
    var isEnabled: Bool { token != nil }

    /// Whether a text is the token; the time does not depend on the text's content.
    func accepts(_ text: String) -> Bool {
        guard let token else { return true }
        let (a, b) = (Array(text.utf8), Array(token.utf8))
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Whether a request has the token or a valid cookie; the response to a wrong token is delayed.
    /// - Throws: `Refusal` if too many wrong tokens came from the client's address.
    func isAllowed(_ request: Request, of client: Client) async throws -> Bool {
        guard isEnabled else { return true }
        if let header = request.headers[.authorization] {
            try brake.check(client.peer)
            let words = header.split(separator: " ", maxSplits: 1)
            if words.count == 2, words[0].lowercased() == "bearer", accepts(String(words[1])) { return true }
            try await brake.punish(client.peer)
            return false
        }
        guard let value = Self.cookie(of: request) else { return false }
        return cookies.withLock { cookies in cookies[value].map { $0 > Date() } ?? false }
    }

    /// Creates a cookie; returns the header that sets it.
    /// - Parameter isSecure: Whether the client uses TLS; its browser then sends the cookie over TLS only.
    func makeCookie(isSecure: Bool) -> String {
        let value = Scratch.makeID() + Scratch.makeID()
        cookies.withLock { cookies in
            cookies = cookies.filter { $0.value > Date() }
            if cookies.count >= Self.cookieLimit { cookies.removeAll() }
            cookies[value] = Date().addingTimeInterval(Self.cookieSeconds)
        }
        return "\(Self.cookieName)=\(value); Path=/; HttpOnly; SameSite=Strict; Max-Age=\(Int(Self.cookieSeconds))"
            + (isSecure ? "; Secure" : "")
    }

    /// Invalidates a request's cookie.
    func forget(_ request: Request) {
        guard let value = Self.cookie(of: request) else { return }
        cookies.withLock { $0[value] = nil }
    }

    private static func cookie(of request: Request) -> String? {
        for pair in (request.headers[.cookie] ?? "").split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
            if parts.count == 2, parts[0] == cookieName { return parts[1] }
        }
        return nil
    }

    /// Refuses requests that a page of another site sends through a user's browser.
    /// - Throws: `Refusal` if the request's host or origin is not this server.
    func checkOrigin(_ request: Request) throws {
        let text = request.head.authority ?? ""
        // HTTP/1.0 has no Host header, and no browser uses it.
        guard !text.isEmpty else { return }
        guard let authority = Authority(text) else {
            throw Refusal(.badRequest, "the Host header should be a name or an address, with or without a port")
        }
        if !isEnabled, !Self.localNames.contains(authority.host), authority.host != host.lowercased() {
            throw Refusal(.forbidden, "the server answers to localhost and its own address only; use that in the URL")
        }
        // A page without an origin, such as a sandboxed frame, sends "null" and counts as foreign too.
        if let origin = request.headers[.origin] {
            guard authority.isOrigin(origin) else { throw Self.foreign }
        } else if !Self.safeMethods.contains(request.method), let site = request.headers[.secFetchSite] {
            guard site == "same-origin" || site == "none" else { throw Self.foreign }
        }
    }

    private static let foreign = Refusal(.forbidden, "pages of other sites may not use this server")
    private static let localNames: Set<String> = ["localhost", "127.0.0.1", "[::1]"]
    /// Methods that change nothing; links from other sites may use them.
    private static let safeMethods: Set<HTTPRequest.Method> = [.get, .head, .options]
}
