internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Synchronization

/// Who may use the server.
///
/// With a token: clients that send it as a bearer, or a cookie that the page got for it. Without one, the server listens on
/// this machine alone, and then a browser's pages from elsewhere must not reach it: neither by a name of theirs that
/// leads here (the Host header) nor by a form or script of theirs (the headers Origin and Sec-Fetch-Site).
final class AccessControl: Sendable {
    /// Makes wrong tokens slow.
    let brake = GuessBrake()
    private let token: String?
    private let host: String
    /// Cookies that were handed out, with the time they end.
    private let cookies = Mutex<[String: Date]>([:])

    static let cookieName = "medseg_session"
    private static let cookieSeconds = 12 * 3600.0
    /// More logins than this within their lifetime are no person's.
    private static let cookieLimit = 10_000

    init(token: String?, host: String) {
        self.token = token
        self.host = host
    }

    /// Whether a token is asked for.
    var isEnabled: Bool { token != nil }

    /// Whether some text is the token; takes as long for any text of the same length.
    func accepts(_ text: String) -> Bool {
        guard let token else { return true }
        let (a, b) = (Array(text.utf8), Array(token.utf8))
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Whether a request carries the token or a cookie that was given for it; a wrong token is answered slowly.
    /// - Throws: `Refusal` where too many wrong ones came from the client's address.
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

    /// A new cookie, as the header that sets it.
    /// - Parameter isSecure: Whether the client speaks TLS; its browser then sends the cookie by nothing else.
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

    /// Ends the login of a request's cookie.
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

    /// Refuses what a foreign page sends through a user's browser.
    /// - Throws: `Refusal` where the request's host or origin is not the server.
    func checkOrigin(_ request: Request) throws {
        let text = request.head.authority ?? ""
        // HTTP/1.0 names no host, and no browser speaks it.
        guard !text.isEmpty else { return }
        guard let authority = Authority(text) else {
            throw Refusal(.badRequest, "the Host header should be a name or an address, with or without a port")
        }
        if !isEnabled, !Self.localNames.contains(authority.host), authority.host != host.lowercased() {
            throw Refusal(.forbidden, "the server answers to localhost and its own address only; use that in the URL")
        }
        // A page without an origin, such as a sandboxed frame, sends "null" and is foreign too.
        if let origin = request.headers[.origin] {
            guard authority.isOrigin(origin) else { throw Self.foreign }
        } else if !Self.safeMethods.contains(request.method), let site = request.headers[.secFetchSite] {
            guard site == "same-origin" || site == "none" else { throw Self.foreign }
        }
    }

    private static let foreign = Refusal(.forbidden, "pages of other sites may not use this server")
    private static let localNames: Set<String> = ["localhost", "127.0.0.1", "[::1]"]
    /// What changes nothing; a link from elsewhere may lead here.
    private static let safeMethods: Set<HTTPRequest.Method> = [.get, .head, .options]
}
