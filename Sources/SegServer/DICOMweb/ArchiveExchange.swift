internal import CCurl
internal import Foundation
internal import HTTPTypes
internal import Synchronization

/// A request to the archive.
struct ArchiveRequest {
    let url: String
    /// The headers, each as `Name: value`.
    var headers: [String] = []
    /// A file to POST; nil for a GET.
    var file: String?
    /// A file of certificates that are trusted instead of the system's certificates.
    var certificates: String?
}

/// One request to the archive, on its own thread. The body of the response arrives in chunks. If the caller does not read
/// them, the transfer pauses.
///
/// The class uses libcurl. URLSession delivers chunks faster than they are read and supports only the system's certificates.
/// Redirections are not followed, because the credentials and the sent data are for one address only.
final class ArchiveExchange: Sendable {
    /// The status and headers of a response.
    struct Head {
        let status: Int
        /// The header Content-Type.
        let type: String
    }

    /// The limits of one request.
    struct Bounds {
        /// The maximum size of the decompressed body in bytes.
        let bytes: Int
        /// The maximum seconds until the end of the response.
        let seconds: Double
        /// The maximum seconds without a byte.
        let silence: Double
    }

    private struct State {
        var head: Head?
        var pieces: [Data] = []
        var bytes = 0
        /// Whether the response is complete.
        var isWhole = false
        /// The error that ended the transfer.
        var fault: (any Error)?
        /// Whether the caller reads no more.
        var isClosed = false
        /// The number of changes of this state, and the caller that waits for the next one.
        var changes = 0
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let request: ArchiveRequest
    private let bounds: Bounds
    /// Counts the free places for unread chunks. The semaphore starts at 0 and is raised afterwards, because a semaphore must
    /// not end with a value below its start.
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

    /// Ends the exchange, whether or not the response is complete. It must be called once.
    func end() {
        deadline.withLock { $0 }?.cancel()
        state.withLock { state in
            state.isClosed = true
            state.pieces = []
        }
        // One chunk may be waiting for its place.
        places.signal()
    }

    // MARK: - The answer

    /// Waits for the head of the response.
    /// - Throws: `Refusal` if none arrives; `CancellationError`.
    func head() async throws -> Head {
        try await wait { state in
            if let fault = state.fault { throw fault }
            return state.head
        }
    }

    /// The next chunk of the body; nil after the last.
    /// - Throws: `Refusal` if the response is too long or incomplete; `CancellationError`.
    func next() async throws -> Data? {
        let piece = try await wait { state -> Data?? in
            if !state.pieces.isEmpty { return .some(state.pieces.removeFirst()) }
            if let fault = state.fault { throw fault }
            return state.isWhole ? .some(nil) : nil
        }
        if piece != nil { places.signal() }
        return piece
    }

    /// Waits until `look` returns a value.
    private func wait<Value: Sendable>(for look: (inout State) throws -> Value?) async throws -> Value {
        while true {
            let (value, seen) = try state.withLock { state in (try look(&state), state.changes) }
            if let value { return value }
            await change(after: seen)
        }
    }

    /// Returns when the state has changed or the caller is cancelled.
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

    /// The receiver of curl's callbacks, which are all called on the exchange's thread.
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
        // The write callback is not called for a response without a body.
        if ccurl_status(handle) > 0 { transfer.announce() }
        guard code == CURLE_OK else { return fail(Self.refusal(code, hasBegun: transfer.hasHead)) }
        update { $0.isWhole = true }
    }

    private func configure(_ handle: UnsafeMutableRawPointer) {
        _ = ccurl_set_text(handle, CURLOPT_URL, request.url)
        // All compressions that curl supports; bytes are counted after decompression.
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

    /// Stores a chunk as soon as a place is free; false if no more is wanted.
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
            .badGateway, "the archive's answer has more than \(bounds.bytes) bytes, the maximum of this server")
    }

    private static func refusal(_ code: CURLcode, hasBegun: Bool) -> Refusal {
        switch code {
        case CURLE_OPERATION_TIMEDOUT: Refusal(.gatewayTimeout, "the archive does not answer; try again later")
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT:
            Refusal(
                .badGateway,
                "the archive cannot be reached; check the address of --dicomweb, and whether the archive runs")
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE:
            Refusal(
                .badGateway,
                "the archive's certificate is not trusted (\(String(cString: curl_easy_strerror(code)))); set MEDSEG_DICOMWEB_CA to "
                    + "a PEM file with the certificate that signed it")
        default:
            Refusal(
                .badGateway,
                hasBegun
                    ? "the archive's answer was cut off; try again" : "the archive's answer is empty or not HTTP")
        }
    }
}
