internal import Foundation
internal import HTTPTypes
internal import Synchronization

#if canImport(FoundationNetworking)
    internal import FoundationNetworking
#endif

/// One request to the archive. The body of the answer comes in pieces; while nobody takes them, the network waits.
final class ArchiveExchange: NSObject, URLSessionDataDelegate, Sendable {
    /// What the head of an answer says.
    struct Head {
        let status: Int
        /// The header Content-Type.
        let type: String
    }

    /// What one request may take.
    struct Bounds {
        /// Bytes of the answer's body, decompressed.
        let bytes: Int
        /// Seconds to the answer's end.
        let seconds: Double
        /// Seconds without a byte.
        let silence: Double
    }

    private struct State {
        var head: Head?
        var pieces: [Data] = []
        var bytes = 0
        /// Whether the answer has come whole.
        var isWhole = false
        /// Why there will be no more.
        var fault: (any Error)?
        /// Whether nobody takes anything any more.
        var isClosed = false
        /// How often any of this has changed, and who waits until it does.
        var changes = 0
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let session = Mutex<URLSession?>(nil)
    private let bounds: Bounds
    /// Places for pieces that nobody has taken yet. It starts at 0, and gets its places then: a semaphore may not end
    /// with fewer than it started with.
    private let places = DispatchSemaphore(value: 0)
    private let deadline = Mutex<Task<Void, Never>?>(nil)

    private static let mostPieces = 16

    /// Sends a request.
    /// - Parameter file: The request's body; nil for a request without one.
    init(_ request: URLRequest, file: String? = nil, bounds: Bounds) {
        self.bounds = bounds
        super.init()
        for _ in 0..<Self.mostPieces { places.signal() }
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = bounds.silence
        configuration.urlCredentialStorage = nil
        configuration.urlCache = nil
        configuration.httpCookieStorage = nil
        let session = URLSession(configuration: configuration, delegate: self, delegateQueue: PatientQueue())
        self.session.withLock { $0 = session }
        let task =
            file.map { session.uploadTask(with: request, fromFile: URL(fileURLWithPath: $0)) }
            ?? session.dataTask(with: request)
        let seconds = bounds.seconds
        let late = Task { [weak self] in
            try? await Task.sleep(for: .seconds(seconds))
            guard !Task.isCancelled else { return }
            self?.fail(
                Refusal(.gatewayTimeout, "the archive's answer did not end within \(Int(seconds.rounded(.up))) seconds")
            )
        }
        deadline.withLock { $0 = late }
        task.resume()
    }

    /// Ends the exchange, whether or not the answer has come whole. To be called once.
    func end() {
        deadline.withLock { $0 }?.cancel()
        state.withLock { state in
            state.isClosed = true
            state.pieces = []
        }
        // One piece may be waiting for its place.
        places.signal()
        let session = session.withLock { session in
            defer { session = nil }
            return session
        }
        // The session's own threads may be waiting for the delegate, and this would wait for them.
        DispatchQueue.global().async { session?.invalidateAndCancel() }
    }

    // MARK: - The answer

    /// The head of the answer, once it has come.
    /// - Throws: `Refusal` where none comes; `CancellationError`.
    func head() async throws -> Head {
        try await wait { state in
            if let fault = state.fault { throw fault }
            return state.head
        }
    }

    /// The next piece of the body; nil after the last.
    /// - Throws: `Refusal` where the answer is too long or cut off; `CancellationError`.
    func next() async throws -> Data? {
        let piece = try await wait { state -> Data?? in
            if !state.pieces.isEmpty { return .some(state.pieces.removeFirst()) }
            if let fault = state.fault { throw fault }
            return state.isWhole ? .some(nil) : nil
        }
        if piece != nil { places.signal() }
        return piece
    }

    /// Waits until something is there.
    private func wait<Value: Sendable>(for look: (inout State) throws -> Value?) async throws -> Value {
        while true {
            let (value, seen) = try state.withLock { state in (try look(&state), state.changes) }
            if let value { return value }
            await change(after: seen)
        }
    }

    /// Returns once anything has changed, or the caller is cancelled.
    private func change(after seen: Int) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let waits = state.withLock { state in
                    if state.changes == seen { state.waiter = continuation }
                    return state.changes == seen
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            fail(CancellationError())
        }
    }

    private func update(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state in
            change(&state)
            state.changes += 1
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    private func fail(_ error: any Error) { update { $0.fault = $0.fault ?? error } }

    // MARK: - The network

    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
    ) {
        // The credentials, and what is sent, are for this address alone.
        fail(
            Refusal(
                .badGateway,
                "the archive answers \(response.statusCode), which sends elsewhere; give --dicomweb the address that it names"
            ))
        completionHandler(nil)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        let answer = response as? HTTPURLResponse
        let head = Head(
            status: answer?.statusCode ?? 0, type: answer?.value(forHTTPHeaderField: "Content-Type") ?? "")
        if response.expectedContentLength > Int64(bounds.bytes) { fail(tooLong) }
        update { $0.head = head }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        places.wait()
        var isTaken = false
        update { state in
            state.bytes += data.count
            if state.bytes > bounds.bytes { state.fault = state.fault ?? tooLong }
            guard !state.isClosed, state.fault == nil else { return }
            state.pieces.append(data)
            isTaken = true
        }
        if !isTaken { places.signal() }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        update { state in
            if let error { state.fault = state.fault ?? Self.refusal(error, hasBegun: state.head != nil) }
            state.isWhole = true
        }
    }

    private var tooLong: Refusal {
        Refusal(
            .badGateway, "the archive's answer has more than \(bounds.bytes) bytes, the most that this server takes")
    }

    private static func refusal(_ error: any Error, hasBegun: Bool) -> Refusal {
        // libcurl's own words; it has no code of its own for a certificate.
        let words = error.localizedDescription
        if words.hasPrefix("SSL") {
            return Refusal(
                .badGateway,
                "the archive's certificate is not trusted (\(words)); MEDSEG_DICOMWEB_CA names a PEM file of its authority's"
            )
        }
        return switch (error as? URLError)?.code {
        case .timedOut: Refusal(.gatewayTimeout, "the archive does not answer; try again later")
        case .cannotConnectToHost, .cannotFindHost, .dnsLookupFailed:
            Refusal(.badGateway, "the archive cannot be reached; check the address of --dicomweb, and whether it runs")
        default:
            Refusal(
                .badGateway,
                hasBegun
                    ? "the archive's answer was cut off; try again" : "what the archive answers is no HTTP, or nothing")
        }
    }
}

/// Runs one block after another, and has whoever brings more wait while many are there: the session would keep all of a
/// series in memory where the disk is slower than the network.
private final class PatientQueue: OperationQueue, @unchecked Sendable {
    // From 0, as above.
    private let places = DispatchSemaphore(value: 0)

    override init() {
        super.init()
        // A session gives its own queue this, and not one that it is given.
        maxConcurrentOperationCount = 1
        for _ in 0..<16 { places.signal() }
    }

    override func addOperation(_ block: @escaping @Sendable () -> Void) {
        places.wait()
        let places = places
        super.addOperation {
            places.signal()
            block()
        }
    }
}
