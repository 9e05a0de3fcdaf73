import ArgumentParser
import CSegProcess
import Foundation
import Logging
import SegBackend
import SegCore
import SegDevices
import SegServer

/// `medseg-server`: the web page, the REST API and MONAI Label's protocol.
struct MedSegServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "medseg-server",
        abstract: "Serves models to a web page, to programs and to 3D Slicer (MONAI Label's protocol).",
        discussion: """
            Research software, not a medical device. Listens on this machine alone unless --host gives another \
            address; then every client must send the token. Uploads and results are deleted when their session ends, \
            when it expires, and when the server starts.

            Limits of this server; the option in brackets changes one:
            \(Limits.text(ServerLimits().table))

            Limits of what is read:
            \(Limits.text(Limits.table))
            """,
        version: Version.current)

    @Option(help: ArgumentHelp("A folder of model folders, or one model folder.", valueName: "dir"))
    var models: String

    @Option(
        help: ArgumentHelp(
            "The folder of scans to offer, where labels are saved too; default a temporary folder.", valueName: "dir"))
    var studies: String?

    @Option(
        help: ArgumentHelp("The server's own folder, emptied at start; default in the user's cache.", valueName: "dir"))
    var scratch: String?

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 chooses any free port.")
    var port = 8000

    @Option(
        help:
            "The token that clients must send if --host is not this machine. MEDSEG_TOKEN sets it too, hidden from `ps`."
    )
    var token: String?

    @Option(
        help: ArgumentHelp(
            """
            The root address of the DICOMweb services of an archive. Clients can open its series and store masks in it. \
            Credentials are read from MEDSEG_DICOMWEB_USER and MEDSEG_DICOMWEB_PASSWORD, or from MEDSEG_DICOMWEB_TOKEN. \
            MEDSEG_DICOMWEB_CA is the path of a PEM file of trusted certificates.
            """, valueName: "url"))
    var dicomweb: String?

    @Option(help: "The device: auto, cpu, reference or opencl:N.")
    var device = "auto"

    @Option(help: "CPU threads of networks; default MEDSEG_THREADS or every core.")
    var threads: Int?

    @Option(help: "The maximum memory for tensors, such as 2G or 512M.", transform: byteCount)
    var maxMemory: ByteCount?

    @Option(help: "The largest upload.", transform: byteCount)
    var maxBody = ByteCount(bytes: ServerLimits().bodyBytes)

    @Option(help: "The maximum number of voxels in a scan.")
    var maxVoxels = ServerLimits().voxels

    @Option(help: "The maximum disk space for uploads, caches and results.", transform: byteCount)
    var maxDisk = ByteCount(bytes: ServerLimits().scratchBytes)

    @Option(help: "The maximum computing time of one job in seconds.")
    var jobSeconds = ServerLimits().jobSeconds

    @Option(help: "The maximum seconds for reading the DICOM files of one request.")
    var dicomSeconds = ServerLimits().dicomSeconds

    @Option(help: "The maximum seconds for one response of the archive.")
    var dicomwebSeconds = ServerLimits().archiveSeconds

    @Option(help: "The maximum number of waiting jobs, and of waiting requests for DICOM and for the archive.")
    var queue = ServerLimits().queuedJobs

    @Option(help: "The maximum number of uploaded scans that are kept at the same time.")
    var sessions = ServerLimits().sessions

    @Option(help: "Seconds after its last use until an uploaded scan is deleted.")
    var sessionSeconds = ServerLimits().sessionSeconds

    @Option(help: "The maximum number of open connections; one address has a quarter at most.")
    var connections = ServerLimits().connections

    @Option(
        help: ArgumentHelp(
            "A proxy whose X-Forwarded-For and X-Forwarded-Proto are trusted; repeatable.", valueName: "address"))
    var proxy: [String] = []

    @Flag(help: "Log every request; routes only, never names.")
    var verbose = false

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port should be 0 to 65535, not \(port)") }
        guard [maxVoxels, queue, sessions, connections].allSatisfy({ $0 > 0 }),
            [jobSeconds, sessionSeconds, dicomSeconds, dicomwebSeconds].allSatisfy({ $0 > 0 })
        else {
            throw ValidationError(
                "--max-voxels, --queue, --sessions, --connections, --job-seconds, --session-seconds, --dicom-seconds and "
                    + "--dicomweb-seconds should be above 0")
        }
        // Clients read seconds as integers.
        guard [jobSeconds, sessionSeconds, dicomSeconds, dicomwebSeconds].allSatisfy({ $0 < 1e9 }) else {
            throw ValidationError(
                "--job-seconds, --session-seconds, --dicom-seconds and --dicomweb-seconds should be below 1000000000")
        }
        if let threads, !(1...1024).contains(threads) {
            throw ValidationError("--threads should be 1 to 1024, not \(threads)")
        }
    }

    func run() async throws {
        segprocess_end_cleanly_without_memory("medseg-server")
        do {
            try await serve()
        } catch {
            FileHandle.standardError.write(Data("medseg-server: \(error)\n".utf8))
            Foundation.exit((ExitStatus(of: error) ?? .inputOutput).rawValue)
        }
    }

    private func serve() async throws {
        let backend = try Devices.makeBackend(device, threads: threads)
        if let maxMemory { backend.memoryLimit = maxMemory.bytes }
        let server = try MedSegServer(options(), backend: backend)
        let address = host.contains(":") ? "[\(host)]" : host
        let models = server.models.joined(separator: ", ")
        try await server.run { port in
            let line = "medseg-server: http://\(address):\(port)/ with \(models) on \(backend.details)\n"
            // Unbuffered: the program that started the server may wait for this line.
            FileHandle.standardOutput.write(Data(line.utf8))
        }
    }

    private func options() throws -> ServerOptions {
        let environment = ProcessInfo.processInfo.environment
        var options = ServerOptions(models: models, studies: studies, scratch: scratch)
        options.archive = try dicomweb.map { try ArchiveAddress($0, environment: environment) }
        options.host = host
        options.port = port
        options.token = token ?? environment["MEDSEG_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
        options.proxies = proxy
        options.logLevel = verbose ? .debug : .info
        options.limits.bodyBytes = maxBody.bytes
        options.limits.voxels = maxVoxels
        options.limits.scratchBytes = maxDisk.bytes
        options.limits.jobSeconds = jobSeconds
        options.limits.dicomSeconds = dicomSeconds
        options.limits.archiveSeconds = dicomwebSeconds
        options.limits.queuedJobs = queue
        options.limits.sessions = sessions
        options.limits.connections = connections
        options.limits.sessionSeconds = sessionSeconds
        return options
    }
}

/// Parses a size in bytes, such as 2G.
private func byteCount(_ text: String) throws -> ByteCount {
    guard let count = ByteCount(text) else {
        throw ValidationError("should be a size such as 2G or 512M, not '\(text)'")
    }
    return count
}
