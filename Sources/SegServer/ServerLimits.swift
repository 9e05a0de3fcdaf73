/// What one server takes on at most; everything beyond is refused with a reason.
public struct ServerLimits: Sendable {
    /// Bytes of one request's body.
    public var bodyBytes = 1 << 30
    /// Voxels of a scan, counted from its header before any is read, and of the grid that a model brings it to.
    public var voxels = 1 << 27
    /// Seconds that one job may compute.
    public var jobSeconds = 1800.0
    /// Jobs that wait; the one that runs is not counted.
    public var queuedJobs = 32
    /// Uploaded scans that are kept at once.
    public var sessions = 64
    /// Seconds after its last use that an uploaded scan, and what was computed from it, is deleted.
    public var sessionSeconds = 3600.0
    /// Bytes of uploads, caches and results on disk, all together.
    public var scratchBytes = 20 << 30
    /// Bytes of the parameters of models that stay loaded.
    public var modelBytes = 4 << 30
    /// Connections that are open at once; further ones wait to be accepted.
    public var connections = 256
    /// Bytes of a form field or of a JSON body.
    public var fieldBytes = 1 << 20

    /// The defaults: a workstation's.
    public init() {}
}
