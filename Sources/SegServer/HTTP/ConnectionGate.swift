internal import Foundation
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import SegCore

/// An HTTP/1.1 channel with a `ConnectionGate`.
struct GatedChannel: ServerChildChannel {
    let http: HTTP1Channel
    let connections: ConnectionTable
    let limits: ServerLimits

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        http.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let gate = ConnectionGate(connections: connections, limits: limits)
            try pipeline.addHandler(gate, position: .after(decoder))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async { await http.handle(value: value, logger: logger) }
}

/// Ends connections that exceed a limit, whose client is too slow, or whose requests do not name exactly one host.
///
/// The gate follows the HTTP decoder, therefore it receives every part of a request, even if no route reads that part.
final class ConnectionGate: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// The event that tells a gate that its connection is replaced by another.
    struct Displaced: Sendable {}

    private let connections: ConnectionTable
    private var pace: ClientPace
    private var timer: Scheduled<Void>?
    private var isOpen = false
    private var isEnded = false
    /// The number of requests whose responses are not complete.
    private var unanswered = 0
    /// Whether the current response has begun.
    private var isAnswering = false

    /// The time in which a client can read the last response before its connection is closed.
    private static let linger = TimeAmount.milliseconds(250)

    init(connections: ConnectionTable, limits: ServerLimits) {
        self.connections = connections
        pace = ClientPace(limits: limits, at: ConnectionTable.now)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { open(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        open(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        connections.close(context.channel)
        context.fireChannelInactive()
    }

    private func open(_ context: ChannelHandlerContext) {
        guard !isOpen else { return }
        isOpen = true
        guard connections.open(context.channel) else {
            return end(
                context, .serviceUnavailable, "your address has the maximum number of connections; try again later")
        }
        watch(context)
    }

    /// Checks the client every second.
    private func watch(_ context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) {
            switch self.pace.check(at: ConnectionTable.now) {
            // Browsers open connections in advance and would show a response that they did not request; such connections get no
            // response.
            case .silent, .slowReader: self.end(context, nil, "")
            case .slowBody:
                self.end(context, .requestTimeout, "the request came too slowly and was ended; send it again")
            case nil:
                if let since = self.pace.isStalledSince, ConnectionTable.now - since > 2 {
                    self.connections.stall(context.channel, since: since)
                }
                self.watch(context)
            }
        }
    }

    /// Sends a response if none has begun, and closes the connection.
    private func end(_ context: ChannelHandlerContext, _ status: HTTPResponseStatus?, _ detail: String) {
        guard !isEnded else { return }
        isEnded = true
        timer?.cancel()
        connections.close(context.channel)
        guard let status, unanswered <= 1, !isAnswering else { return context.close(promise: nil) }
        let body = ByteBuffer(string: "{\"detail\":\"\(detail)\"}")
        let headers: HTTPHeaders = [
            "Content-Type": "application/json", "Content-Length": "\(body.readableBytes)", "Connection": "close",
            "Cache-Control": "no-store",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        // An immediate close would discard the response if unread bytes of the client are pending.
        context.close(mode: .output, promise: nil)
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.linger) { context.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is Displaced else { return context.fireUserInboundEventTriggered(event) }
        let isMidway = pace.isReceiving
        end(
            context, isMidway ? .serviceUnavailable : nil,
            "the server closed this connection, the slowest, because others need it; send the request again")
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEnded else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            unanswered += 1
            pace.begin()
            guard Self.namesOneHost(head) else {
                return end(context, .badRequest, "the request should have one Host header")
            }
            let forwarded = head.headers["X-Forwarded-For"]
            let list = forwarded.isEmpty ? nil : forwarded.joined(separator: ",")
            guard connections.begin(context.channel, forwardedFor: list) else {
                return end(
                    context, .serviceUnavailable, "your address has the maximum number of connections; try again later")
            }
        case .body(let bytes):
            pace.receive(bytes.readableBytes)
            guard !pace.isFragmented else {
                return end(
                    context, .badRequest, "the body comes in thousands of chunks of a few bytes; send larger chunks")
            }
            connections.receive(context.channel, bytes: bytes.readableBytes)
        case .end:
            pace.end()
            if unanswered > 0 { connections.work(context.channel) } else { connections.rest(context.channel) }
        }
        context.fireChannelRead(data)
    }

    /// RFC 9112, 3.2: a request of HTTP/1.1 must have exactly one Host header.
    private static func namesOneHost(_ head: HTTPRequestHead) -> Bool {
        let hosts = head.headers["Host"].count
        return hosts == 1 || hosts == 0 && head.version == .http1_0
    }

    func read(context: ChannelHandlerContext) {
        // A client that goes on sending must not cost time until the connection is closed.
        guard !isEnded || !pace.isFragmented else { return }
        pace.read(at: ConnectionTable.now)
        context.read()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        pace.stopReading(at: ConnectionTable.now)
        context.fireChannelReadComplete()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isEnded else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let part = unwrapOutboundIn(data)
        isAnswering = true
        pace.send(at: ConnectionTable.now)
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.cascade(to: promise)
        sent.futureResult.assumeIsolated().whenComplete { _ in self.pace.sent(at: ConnectionTable.now) }
        if case .end = part {
            isAnswering = false
            unanswered -= 1
            if unanswered == 0, !pace.isReceiving { connections.rest(context.channel) }
        }
        context.write(data, promise: sent)
    }
}
