public import SegBackend
internal import SegCPU
internal import SegReference

/// The only place that knows every backend.
public enum Devices {
    /// A device a user can name.
    public struct Entry: Sendable {
        /// What `--device` takes.
        public let name: String
        /// What it is, in one line.
        public let details: String
    }

    /// Every device of this machine, the one that "auto" takes first.
    /// - Throws: `BackendError` where a device cannot be started.
    public static func available(threads: Int?) throws -> [Entry] {
        try names.map { Entry(name: $0, details: try makeBackend($0, threads: threads).details) }
    }

    /// Starts the backend of a device: `auto`, `cpu` or `reference`.
    /// - Parameter threads: CPU threads; nil takes `MEDSEG_THREADS` or else every core.
    /// - Throws: `BackendError.noSuchDevice` listing what is there; never falls back to another device.
    public static func makeBackend(_ name: String, threads: Int?) throws -> any Backend {
        switch name {
        case "auto", "cpu": return try CPUBackend(threads: threads)
        case "reference": return ReferenceBackend()
        default: throw BackendError.noSuchDevice(name: name, available: names)
        }
    }

    private static let names = ["cpu", "reference"]
}
