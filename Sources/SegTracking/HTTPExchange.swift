import Foundation
import Synchronization

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The reason why a request failed.
struct HTTPFault: Error, Sendable, CustomStringConvertible {
    /// The status of the response; nil if none came, in which case the request may or may not have been carried out.
    var status: Int?
    /// MLflow's name of the error, such as `RESOURCE_DOES_NOT_EXIST`.
    var code: String?
    var message: String

    /// Whether the same request will always be refused because of its content.
    var isFinal: Bool { [400, 413, 422].contains(status) }

    var description: String {
        status.map { "it answers \($0)\(code.map { " \($0)" } ?? ""): \(message)" } ?? message
    }
}

/// Sends requests to one server, one at a time, and waits for each on the calling thread.
final class HTTPExchange: Sendable {
    private let server: TrackingServer
    private let session: URLSession
    /// Seconds until a request fails without an answer.
    private let timeout: Double

    init(_ server: TrackingServer, timeout: Double) {
        self.server = server
        self.timeout = timeout
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = timeout
        session = URLSession(configuration: configuration)
    }

    deinit { session.invalidateAndCancel() }

    /// Sends a GET request with a query.
    /// - Throws: `HTTPFault`.
    func get(_ path: String, _ query: [(String, String)]) throws -> Data {
        var components = URLComponents()
        components.queryItems = query.map { URLQueryItem(name: $0.0, value: $0.1) }
        let text = components.percentEncodedQuery?.replacingOccurrences(of: "+", with: "%2B") ?? ""
        let request = try request("GET", path + "?" + text)
        return try answer(within: timeout) { session.dataTask(with: request, completionHandler: $0) }
    }

    /// Sends a POST request with a JSON body.
    /// - Throws: `HTTPFault`.
    @discardableResult
    func post(_ path: String, _ body: some Encodable) throws -> Data {
        var request = try request("POST", path)
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        request.httpBody = try JSONEncoder().encode(body)
        return try answer(within: timeout) { [request] in session.dataTask(with: request, completionHandler: $0) }
    }

    /// Sends a PUT request with a file; the time limit grows with the file's size.
    /// - Throws: `HTTPFault`.
    func put(_ path: String, file: URL, bytes: Int) throws {
        var request = try request("PUT", path)
        request.setValue("application/octet-stream", forHTTPHeaderField: "Content-Type")
        let slowest = 100_000.0
        _ = try answer(within: timeout + Double(bytes) / slowest) { [request] in
            session.uploadTask(with: request, fromFile: file, completionHandler: $0)
        }
    }

    private func request(_ method: String, _ path: String) throws -> URLRequest {
        guard let url = URL(string: server.uri + path) else {
            throw HTTPFault(status: 400, message: "'\(server.uri + path)' is not an address")
        }
        var request = URLRequest(url: url)
        request.httpMethod = method
        request.timeoutInterval = timeout
        // If a kept-alive connection breaks, libcurl sends a request again by itself, and a metric would be logged
        // twice.
        request.setValue("close", forHTTPHeaderField: "Connection")
        if let authorization = server.authorization {
            request.setValue(authorization, forHTTPHeaderField: "Authorization")
        }
        return request
    }

    /// Runs a task to its end. A task that takes too long is cancelled because a server may accept it and never answer.
    private func answer(
        within seconds: Double,
        _ task: (@escaping @Sendable (Data?, URLResponse?, (any Error)?) -> Void) -> URLSessionTask
    ) throws -> Data {
        let arrived = Arrival()
        let done = DispatchSemaphore(value: 0)
        let running = task { data, response, error in
            arrived.outcome.withLock { $0 = Self.outcome(data, response, error) }
            done.signal()
        }
        running.resume()
        if done.wait(timeout: .now() + seconds + 1) == .timedOut {
            running.cancel()
            throw HTTPFault(message: "no answer within \(Int(seconds.rounded(.up))) s")
        }
        guard let outcome = arrived.outcome.withLock({ $0 }) else { throw HTTPFault(message: "no answer") }
        return try outcome.get()
    }

    private final class Arrival: Sendable {
        let outcome = Mutex<Result<Data, HTTPFault>?>(nil)
    }

    private static func outcome(
        _ data: Data?, _ response: URLResponse?, _ error: (any Error)?
    ) -> Result<Data, HTTPFault> {
        if let error { return .failure(HTTPFault(message: error.localizedDescription)) }
        guard let response = response as? HTTPURLResponse else { return .failure(HTTPFault(message: "no answer")) }
        let body = data ?? Data()
        if (200..<300).contains(response.statusCode) { return .success(body) }
        struct Refusal: Decodable {
            let error_code: String?
            let message: String?
        }
        let refusal = try? JSONDecoder().decode(Refusal.self, from: body)
        let text = refusal?.message ?? String(decoding: body.prefix(200), as: UTF8.self)
        return .failure(
            HTTPFault(status: response.statusCode, code: refusal?.error_code, message: String(text.prefix(400))))
    }
}
