internal import Foundation
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
public import SegBackend
public import SegCore

/// What a server is started with.
public struct ServerOptions: Sendable {
    /// A folder of model folders, or one model folder.
    public var models: String
    /// The folder of scans to offer and of labels to keep; nil for a temporary one.
    public var studies: String?
    /// The server's own folder, which it empties; nil for one in the user's cache that the port names.
    public var scratch: String?
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port; 0 takes any that is free.
    public var port = 8000
    /// What a client must know; nil allows everybody on this machine.
    public var token: String?
    /// Addresses of proxies, whose word on who a request comes from, and whether by TLS, is believed.
    public var proxies: [String] = []
    /// The archive whose series clients may open, and which takes masks; nil for none.
    public var archive: ArchiveAddress?
    /// The least important lines that are logged.
    public var logLevel = Logger.Level.info
    /// What the server takes on at most.
    public var limits = ServerLimits()

    /// Options with the defaults of a server for this machine alone.
    public init(models: String, studies: String?, scratch: String?) {
        self.models = models
        self.studies = studies
        self.scratch = scratch
    }

    /// The server's own folder: the one that was named, or one for each port, so that two servers have two.
    var scratchFolder: String {
        if let scratch { return scratch }
        let environment = ProcessInfo.processInfo.environment
        let named = environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        let cache = named ?? "\(NSHomeDirectory())/.cache"
        return "\(cache)/medseg-server/\(port)"
    }

    /// Whether an address is this machine's own and no other's.
    public static func isLocal(_ host: String) -> Bool { ["127.0.0.1", "::1", "localhost"].contains(host) }
}

/// The web server: a page, a REST API and MONAI Label's protocol over one queue of jobs.
public final class MedSegServer: Sendable {
    private let services: Services
    private let options: ServerOptions

    /// Opens models and folders; nothing listens yet.
    /// - Throws: `DataError` naming what cannot be used; `ServerOptionError`; `ServerStartError` where another server
    ///   has the folder. What a start that fails has made is removed.
    public init(_ options: ServerOptions, backend: any Backend) throws {
        guard ServerOptions.isLocal(options.host) || options.token != nil else {
            throw ServerOptionError(
                "a server that others can reach needs a token: set --token or MEDSEG_TOKEN, or use --host 127.0.0.1")
        }
        if let token = options.token, token.utf8.count < 16 {
            throw ServerOptionError(
                "the token should have at least 16 characters, for example of `openssl rand -hex 16`")
        }
        self.options = options
        services = try Services(options, backend: backend)
    }

    /// Names of the models that are offered.
    public var models: [String] { services.catalog.models.map(\.name) }

    /// Every route as `GET /path/{name}`, which the description of the API is checked against.
    /// - Throws: `DataError` where the page's files are missing.
    package func routeNames() throws -> [String] { try Routes(services).table().names }

    /// Serves until the process is told to stop; then running jobs end and the scratch folder is emptied, or removed
    /// where the server made it. A server runs once.
    /// - Parameter onListening: Called with the port once requests are answered.
    /// - Throws: `ServerStartError` where the port is taken, and the network's other errors.
    public func run(onListening: @escaping @Sendable (Int) -> Void) async throws {
        let services = services
        defer { services.scratch.discard() }
        let table = try Routes(services).table()
        // What the libraries note of their own doings, at every start, request and end, is of no use to the person who
        // runs the server.
        var libraries = services.logger
        libraries.logLevel = max(.warning, options.logLevel)
        let limits = services.limits
        let connections = ConnectionTable(limits: limits, proxies: services.proxies)
        var application = Application(
            router: table.router,
            server: HTTPServerBuilder { responder in
                let http = HTTP1Channel(responder: responder, configuration: .init(idleTimeout: .seconds(60)))
                return GatedChannel(http: http, connections: connections, limits: limits)
            },
            configuration: ApplicationConfiguration(
                address: .hostname(options.host, port: options.port),
                // Those above the limit are being told so.
                availableConnectionsDelegate: .maximum(2 * limits.connections, logger: libraries)),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) },
            logger: libraries)
        application.addServices(Sweeper(services: services))
        do {
            try await application.runService()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw ServerStartError(
                "port \(options.port) of \(options.host) is taken by another program; name another with --port "
                    + "(0 takes any that is free)")
        }
        await services.queue.stop()
    }
}

/// Options that make no sense together.
public struct ServerOptionError: CodedError, CustomStringConvertible {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus { .usage }
    /// What was expected, what came, what to do.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A port or a folder that another program has.
public struct ServerStartError: CodedError, CustomStringConvertible {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus { .inputOutput }
    /// What is taken, and what to do.
    public let description: String

    init(_ description: String) { self.description = description }

    /// Says that another server has the folder, in terms of what the user named: the folder itself, or the port.
    init(taken folder: String, _ options: ServerOptions) {
        if options.scratch != nil {
            description = "\(folder): is in use by another medseg-server; name another folder with --scratch"
        } else if options.port == 0 {
            description =
                "another medseg-server that --port 0 was given to has the folder \(folder); name this one's port with "
                + "--port or its folder with --scratch"
        } else {
            description =
                "port \(options.port) is taken by another medseg-server, which has the folder \(folder); name another "
                + "port with --port (0 takes any that is free) or, where its --host is another, a folder with --scratch"
        }
    }
}
