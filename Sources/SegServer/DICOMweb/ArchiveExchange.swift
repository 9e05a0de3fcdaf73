internal import CCurl
internal import Foundation
internal import HTTPTypes
internal import Synchronization

/// What the archive is asked.
struct ArchiveRequest {
    let url: String
    /// As `Name: value`.
    var headers: [String] = []
    /// A file to POST; nil for a GET.
    var file: String?
    /// A file of certificates that are trusted in place of the system's.
    var certificates: String?
}

/// One request to the archive, on a thread of its own. The body of the answer comes in pieces; while nobody takes them, the
/// network waits.
///
/// libcurl asks, and not URLSession, which brings pieces faster than they are taken and knows no certificates but the
/// system's. Redirections are not followed: the credentials, and what is sent, are for one address alone.
final class ArchiveExchange: Sendable {
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
    private let request: ArchiveRequest
    private let bounds: Bounds
    /// Places for pieces that nobody has taken yet. It starts at 0, and gets its places then: a semaphore may not end
    /// with fewer than it started with.
    private let places = DispatchSemaphore(value: 0)
    private let deadline = Mutex<Task<Void, Never>?>(nil)

    private static let mostPieces = 16
    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// Sends a request.
    init(_ request: ArchiveRequest, bounds: Bounds) {
        self.request = request
        self.bounds = bounds
        for _ in 0..<Self.mostPieces { places.signal() }
        let seconds = bounds.seconds
        let late = Task { [weak self] in
            try? await Task.sleep(for: .seconds(seconds))
            guard !Task.isCancelled else { return }
            self?.fail(
                Refusal(.gatewayTimeout, "the archive's answer did not end within \(Int(seconds.rounded(.up))) seconds")
            )
        }
        deadline.withLock { $0 = late }
        Thread.detachNewThread { self.run() }
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

    /// What curl calls back: on the exchange's thread alone.
    private final class Transfer {
        let exchange: ArchiveExchange
        let handle: UnsafeMutableRawPointer
        var hasHead = false

        init(_ exchange: ArchiveExchange, _ handle: UnsafeMutableRawPointer) {
            self.exchange = exchange
            self.handle = handle
        }

        func announce() {
            guard !hasHead else { return }
            hasHead = true
            exchange.begin(
                Head(status: Int(ccurl_status(handle)), type: ccurl_type(handle).map { String(cString: $0) } ?? ""),
                length: Int(ccurl_length(handle)))
        }
    }

    private func run() {
        guard Self.isReady, let handle = curl_easy_init() else {
            return fail(Refusal(.internalServerError, "a request to the archive cannot be made"))
        }
        defer { curl_easy_cleanup(handle) }
        var headers: UnsafeMutablePointer<curl_slist>?
        for header in request.headers { headers = curl_slist_append(headers, header) }
        defer { curl_slist_free_all(headers) }
        ccurl_set_headers(handle, headers)
        configure(handle)
        var body: UnsafeMutablePointer<FILE>?
        if let file = request.file {
            body = fopen(file, "rb")
            guard let body else { return fail(Refusal.notFound("file; it may have expired")) }
            ccurl_set_body(handle, body, curl_off_t(Scratch.size(of: file)))
        }
        defer { if let body { fclose(body) } }
        let transfer = Transfer(self, handle)
        let code = withExtendedLifetime(transfer) {
            ccurl_set_owner(
                handle,
                { bytes, size, count, owner in
                    guard let bytes, let owner else { return 0 }
                    let transfer = Unmanaged<Transfer>.fromOpaque(owner).takeUnretainedValue()
                    transfer.announce()
                    return transfer.exchange.take(Data(bytes: bytes, count: size * count)) ? size * count : 0
                },
                { owner, _, _, _, _ in
                    guard let owner else { return 1 }
                    return Unmanaged<Transfer>.fromOpaque(owner).takeUnretainedValue().exchange.isWanted ? 0 : 1
                }, Unmanaged.passUnretained(transfer).toOpaque())
            return curl_easy_perform(handle)
        }
        // Of an answer without a body.
        if ccurl_status(handle) > 0 { transfer.announce() }
        guard code == CURLE_OK else { return fail(Self.refusal(code, hasBegun: transfer.hasHead)) }
        update { $0.isWhole = true }
    }

    private func configure(_ handle: UnsafeMutableRawPointer) {
        _ = ccurl_set_text(handle, CURLOPT_URL, request.url)
        // Whatever compression curl knows; bytes are counted once they are decompressed.
        _ = ccurl_set_text(handle, CURLOPT_ACCEPT_ENCODING, "")
        let silence = max(1, Int(bounds.silence))
        for (option, number) in [
            (CURLOPT_NOSIGNAL, 1), (CURLOPT_CONNECTTIMEOUT, silence), (CURLOPT_LOW_SPEED_LIMIT, 1),
            (CURLOPT_LOW_SPEED_TIME, silence),
        ] { _ = ccurl_set_number(handle, option, number) }
        if let certificates = request.certificates {
            _ = ccurl_set_text(handle, CURLOPT_CAINFO, certificates)
            _ = ccurl_set_text(handle, CURLOPT_CAPATH, nil)
        }
    }

    private func begin(_ head: Head, length: Int) {
        update { state in
            if length > bounds.bytes { state.fault = state.fault ?? tooLong }
            state.head = head
        }
    }

    /// Keeps a piece once there is a place; false where no more is wanted.
    private func take(_ data: Data) -> Bool {
        places.wait()
        var isTaken = false
        update { state in
            state.bytes += data.count
            if state.bytes > bounds.bytes { state.fault = state.fault ?? tooLong }
            guard !state.isClosed, state.fault == nil else { return }
            state.pieces.append(data)
            isTaken = true
        }
        return isTaken
    }

    private var isWanted: Bool { state.withLock { !$0.isClosed && $0.fault == nil } }

    private var tooLong: Refusal {
        Refusal(
            .badGateway, "the archive's answer has more than \(bounds.bytes) bytes, the most that this server takes")
    }

    private static func refusal(_ code: CURLcode, hasBegun: Bool) -> Refusal {
        switch code {
        case CURLE_OPERATION_TIMEDOUT: Refusal(.gatewayTimeout, "the archive does not answer; try again later")
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT:
            Refusal(.badGateway, "the archive cannot be reached; check the address of --dicomweb, and whether it runs")
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE:
            Refusal(
                .badGateway,
                "the archive's certificate is not trusted (\(String(cString: curl_easy_strerror(code)))); MEDSEG_DICOMWEB_CA names "
                    + "a PEM file of those that sign it")
        default:
            Refusal(
                .badGateway,
                hasBegun
                    ? "the archive's answer was cut off; try again" : "what the archive answers is no HTTP, or nothing")
        }
    }
}
