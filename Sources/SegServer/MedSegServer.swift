internal import Foundation
internal import Hummingbird
internal import HummingbirdCore
public import Logging
internal import NIOCore
public import SegBackend
public import SegCore

/// The options of a server.
public struct ServerOptions: Sendable {
    /// A folder of model folders, or one model folder.
    public var models: String
    /// The folder of scans to offer and of labels to store; nil for a temporary one.
    public var studies: String?
    /// The server's own folder, which it empties; nil for a folder in the user's cache that is named after the port.
    public var scratch: String?
    /// The address to listen on.
    public var host = "127.0.0.1"
    /// The port; 0 chooses a free one.
    public var port = 8000
    /// The token that clients must send; nil allows every client on this machine.
    public var token: String?
    /// Addresses of proxies whose headers about the client's address and TLS are trusted.
    public var proxies: [String] = []
    /// The archive whose series clients may open and that stores masks; nil for none.
    public var archive: ArchiveAddress?
    /// The minimum level of logged lines.
    public var logLevel = Logger.Level.info
    /// The limits of the server.
    public var limits = ServerLimits()

    /// Creates options with the defaults of a server for this machine only.
    public init(models: String, studies: String?, scratch: String?) {
        self.models = models
        self.studies = studies
        self.scratch = scratch
    }

    /// The server's own folder: the given one, or one per port, because two servers must not share it.
    var scratchFolder: String {
        scratch ?? "\(UserCache.folder)/medseg-server/\(port)"
    }

    /// Whether an address is reachable from this machine only.
    public static func isLocal(_ host: String) -> Bool { ["127.0.0.1", "::1", "localhost"].contains(host) }
}

/// The web server: a page, a REST API and MONAI Label's protocol, with one job queue.
public final class MedSegServer: Sendable {
    private let services: Services
    private let options: ServerOptions

    /// Opens models and folders; the server does not listen yet.
    /// - Throws: `DataError` naming what cannot be used; `ServerOptionError`; `ServerStartError` if another server uses
    ///   the folder. A failed start removes what it has created.
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

    /// The names of the offered models.
    public var models: [String] { services.catalog.models.map(\.name) }

    /// Every route as `GET /path/{name}`, to compare with the description of the API.
    /// - Throws: `DataError` if the page's files are missing.
    package func routeNames() throws -> [String] { try Routes(services).table().names }

    /// Serves until the process gets a signal to stop. Then running jobs end, and the scratch folder is emptied, or
    /// removed if the server created it. A server can run only once.
    /// - Parameter onListening: Called with the port when requests can be answered.
    /// - Throws: `ServerStartError` if the port is in use, and other errors of the network.
    public func run(onListening: @escaping @Sendable (Int) -> Void) async throws {
        let services = services
        defer { services.scratch.discard() }
        let table = try Routes(services).table()
        // The libraries log every start, request and end; these lines do not help the person who runs the server.
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
                // Connections above the limit stay open while they get their refusal.
                availableConnectionsDelegate: .maximum(2 * limits.connections, logger: libraries)),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) },
            logger: libraries)
        application.addServices(Sweeper(services: services))
        do {
            try await application.runService()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw ServerStartError(
                "port \(options.port) of \(options.host) is in use by another program; choose another with --port "
                    + "(0 chooses a free one)")
        }
        await services.queue.stop()
    }
}

/// Options that contradict each other.
public struct ServerOptionError: CodedError, CustomStringConvertible {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus { .usage }
    /// The fault, what was expected, and the remedy.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A port or a folder that another program uses.
public struct ServerStartError: CodedError, CustomStringConvertible {
    /// The exit code of a program that ends with this error.
    public var exitStatus: ExitStatus { .inputOutput }
    /// The port or folder in use, and the remedy.
    public let description: String

    init(_ description: String) { self.description = description }

    /// Creates the error for a folder that another server uses. The message names the folder or the port, whichever the user
    /// gave.
    init(taken folder: String, _ options: ServerOptions) {
        if options.scratch != nil {
            description = "\(folder): is in use by another medseg-server; choose another folder with --scratch"
        } else if options.port == 0 {
            description =
                "another medseg-server with --port 0 uses the folder \(folder); choose a port for this one with "
                + "--port or a folder with --scratch"
        } else {
            description =
                "port \(options.port) is in use by another medseg-server, which uses the folder \(folder); choose another "
                + "port with --port (0 chooses a free one) or, if its --host differs, a folder with --scratch"
        }
    }
}
