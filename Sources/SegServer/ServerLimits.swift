public import SegCore
package import SegImaging

/// What one server takes on at most; everything beyond is refused with a reason.
public struct ServerLimits: Sendable {
    /// Bytes of one request's body.
    public var bodyBytes = 1 << 30
    /// Voxels of a scan, counted from its header before any is read, and of the grid that a model brings it to.
    public var voxels = 1 << 27
    /// Bytes before the voxels of a scan, and as many after them: header extensions, and little else.
    public var scanSlack = 16 << 20
    /// The same, for a reader of scans.
    package var scanLimits: ScanLimits { ScanLimits(headerBytes: scanSlack, trailerBytes: scanSlack) }
    /// Seconds in which DICOM files are read.
    public var dicomSeconds = 300.0
    /// Bytes that a ZIP of DICOM files may unpack to.
    public var dicomBytes = 8 << 30
    /// Bytes of the address space of the process that reads DICOM: what a program takes, and a scan in several forms.
    var dicomMemory: Int { 4 << 30 + 24 * voxels }
    /// Seconds in which an answer of the archive ends: a list, a series, or what it says of an object.
    public var archiveSeconds = 600.0
    /// Seconds without a byte after which the archive is given up.
    public var archiveSilence = 60.0
    /// Bytes of a list of the archive's.
    public var archiveListBytes = 8 << 20
    /// Seconds that one job may compute.
    public var jobSeconds = 1800.0
    /// Jobs that wait, and as many requests for DICOM, for lists of the archive and for transfers; the one that runs is not counted.
    public var queuedJobs = 32
    /// Uploaded scans that are kept at once.
    public var sessions = 64
    /// Seconds after its last use that an uploaded scan, and what was computed from it, is deleted.
    public var sessionSeconds = 3600.0
    /// Bytes of uploads, caches and results on disk, all together.
    public var scratchBytes = 20 << 30
    /// Bytes of the parameters of models that stay loaded.
    public var modelBytes = 4 << 30
    /// Connections that are open at once; for a further one, the connection of the slowest client gives way.
    public var connections = 256
    /// Bytes of a JSON body, or of a form's that is sent as one line.
    public var fieldBytes = 1 << 20
    /// Seconds until the first request of a connection.
    public var headSeconds = 20.0
    /// Seconds in which a body ends or has brought `bodyRate` for each of them.
    public var bodySeconds = 10.0
    /// Bytes a second of a body, while the server waits for it.
    public var bodyRate = 8 << 10
    /// Seconds without a byte taken after which an answer is given up.
    public var sendSeconds = 30.0

    /// The defaults: a workstation's.
    public init() {}

    /// Connections of one peer: a quarter of all.
    public var peerConnections: Int { max(1, connections / 4) }

    /// Every limit above, in words.
    public var table: [Limits.Row] {
        [
            row("bytes of a request's body (--max-body)", ByteCount(bytes: bodyBytes).description),
            row("voxels of a scan, and of the grid of a model (--max-voxels)", "\(voxels)"),
            row("bytes before the voxels of a scan, and as many after them", ByteCount(bytes: scanSlack).description),
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
            row("jobs that wait, and as many requests for DICOM, lists and transfers (--queue)", "\(queuedJobs)"),
            row("uploaded scans that are kept (--sessions)", "\(sessions)"),
            row("seconds that an unused scan is kept (--session-seconds)", Self.text(sessionSeconds)),
            row("bytes of models that stay loaded", ByteCount(bytes: modelBytes).description),
            row("connections (--connections)", "\(connections)"),
            row("connections of one address, a quarter of all", "\(peerConnections)"),
            row("bytes of a JSON body", ByteCount(bytes: fieldBytes).description),
            row("seconds to a connection's first request", Self.text(headSeconds)),
            row("seconds to a body's end or its next \((bodyRate * Int(bodySeconds)) >> 10)K", Self.text(bodySeconds)),
            row("seconds without a byte of an answer taken", Self.text(sendSeconds)),
        ]
    }

    private func row(_ name: String, _ value: String) -> Limits.Row { Limits.Row(name: name, value: value) }

    private static func text(_ seconds: Double) -> String {
        Int(exactly: seconds).map(String.init) ?? String(seconds)
    }
}
