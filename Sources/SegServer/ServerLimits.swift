public import SegCore
package import SegImaging

/// The limits of one server; requests beyond a limit are refused with a reason.
public struct ServerLimits: Sendable {
    /// Bytes of a request's body.
    public var bodyBytes = 1 << 30
    /// Voxels of a scan, counted from its header before it is read, and of the grid to which a model resamples it.
    public var voxels = 1 << 27
    /// Bytes before the voxels of a scan, and bytes after them, mainly for header extensions; each may reach this limit.
    public var scanSlack = 16 << 20
    /// `scanSlack` for a reader of scans.
    package var scanLimits: ScanLimits { ScanLimits(headerBytes: scanSlack, trailerBytes: scanSlack) }
    /// Seconds for reading DICOM files.
    public var dicomSeconds = 300.0
    /// Bytes that a ZIP of DICOM files may unpack to.
    public var dicomBytes = 8 << 30
    /// Bytes of the address space of the process that reads DICOM: for the program, and for several copies of a scan.
    var dicomMemory: Int { 4 << 30 + 24 * voxels }
    /// Seconds in which a response of the archive must end: a list, a series, or the result of storing an object.
    public var archiveSeconds = 600.0
    /// Seconds without a byte from the archive after which a request to it is given up.
    public var archiveSilence = 60.0
    /// Bytes of a list of the archive.
    public var archiveListBytes = 8 << 20
    /// Seconds for which one job may compute.
    public var jobSeconds = 1800.0
    /// Waiting entries of each queue; the running entry is not counted. The queues are for jobs, for DICOM requests, for
    /// lists of the archive, and for transfers from and to the archive.
    public var queuedJobs = 32
    /// Uploaded scans that are stored at the same time.
    public var sessions = 64
    /// Seconds after its last use until an uploaded scan and its results are deleted.
    public var sessionSeconds = 3600.0
    /// Bytes of uploads, caches and results on disk in total.
    public var scratchBytes = 20 << 30
    /// Bytes of the parameters of models that stay loaded.
    public var modelBytes = 4 << 30
    /// Open connections; beyond them, the connection of the slowest client is closed for a new one.
    public var connections = 256
    /// Bytes of a JSON body, or of a URL-encoded form.
    public var fieldBytes = 1 << 20
    /// Seconds until the first request of a connection.
    public var headSeconds = 20.0
    /// The interval in seconds: in each, a body must end or arrive at `bodyRate` bytes per second or faster.
    public var bodySeconds = 10.0
    /// Bytes per second of a body, counted while the server waits for it.
    public var bodyRate = 8 << 10
    /// Seconds after which a response is given up if the client has not received a byte.
    public var sendSeconds = 30.0

    /// Creates the default limits, which suit a workstation.
    public init() {}

    /// Connections of one peer: a quarter of all.
    public var peerConnections: Int { max(1, connections / 4) }

    /// All limits above, with their names.
    public var table: [Limits.Row] {
        [
            row("bytes of a request's body (--max-body)", ByteCount(bytes: bodyBytes).description),
            row("voxels of a scan, and of the grid of a model (--max-voxels)", "\(voxels)"),
            row("bytes before the voxels of a scan; also bytes after them", ByteCount(bytes: scanSlack).description),
            row(
                "bytes of uploads, caches and results on disk (--max-disk)", ByteCount(bytes: scratchBytes).description),
            row("seconds in which DICOM files are read (--dicom-seconds)", Self.text(dicomSeconds)),
            row("bytes that a ZIP of DICOM files unpacks to", ByteCount(bytes: dicomBytes).description),
            row(
                "bytes of memory of the process that reads DICOM; grows with the voxels of a scan",
                ByteCount(bytes: dicomMemory).description),
            row("seconds in which an answer of the archive ends (--dicomweb-seconds)", Self.text(archiveSeconds)),
            row("seconds without a byte of the archive", Self.text(archiveSilence)),
            row("bytes of a list of the archive", ByteCount(bytes: archiveListBytes).description),
            row("seconds that a job computes (--job-seconds)", Self.text(jobSeconds)),
            row("jobs that wait; also DICOM requests, lists, and transfers that wait (--queue)", "\(queuedJobs)"),
            row("uploaded scans that are kept (--sessions)", "\(sessions)"),
            row("seconds that an unused scan is kept (--session-seconds)", Self.text(sessionSeconds)),
            row("bytes of models that stay loaded", ByteCount(bytes: modelBytes).description),
            row("connections (--connections)", "\(connections)"),
            row("connections from one address (a quarter of all connections)", "\(peerConnections)"),
            row("bytes of a JSON body", ByteCount(bytes: fieldBytes).description),
            row("seconds until the first request of a connection", Self.text(headSeconds)),
            row(
                "seconds in which a body must end or deliver \((bodyRate * Int(bodySeconds)) >> 10)K",
                Self.text(bodySeconds)),
            row("seconds in which a client receives no byte of an answer", Self.text(sendSeconds)),
        ]
    }

    private func row(_ name: String, _ value: String) -> Limits.Row { Limits.Row(name: name, value: value) }

    private static func text(_ seconds: Double) -> String {
        Int(exactly: seconds).map(String.init) ?? String(seconds)
    }
}
