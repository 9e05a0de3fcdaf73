public import SegBackend
internal import SegCPU
internal import SegOpenCL
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
    /// - Throws: `BackendError` where the CPU's threads cannot be started.
    public static func available(threads: Int?) throws -> [Entry] {
        let devices = OpenCLDevice.all()
        let automatic = OpenCLDevice.largestGPU(among: devices)?.name
        let entries =
            [
                Entry(name: "cpu", details: try CPUBackend(threads: threads).details),
                Entry(name: "reference", details: ReferenceBackend().details),
            ] + devices.map { Entry(name: $0.name, details: $0.details) }
        return entries.filter { $0.name == automatic } + entries.filter { $0.name != automatic }
    }

    /// Starts the backend of a device: `auto`, `cpu`, `reference` or `opencl:N`.
    ///
    /// `auto` is the OpenCL GPU with the most memory, else the CPU backend, never OpenCL on a CPU.
    /// - Parameter threads: CPU threads; nil takes `MEDSEG_THREADS` or else every core.
    /// - Throws: `BackendError.noSuchDevice` listing what is there; never falls back to another device.
    public static func makeBackend(_ name: String, threads: Int?) throws -> any Backend {
        switch name {
        case "cpu": return try CPUBackend(threads: threads)
        case "reference": return ReferenceBackend()
        default: break
        }
        let devices = OpenCLDevice.all()
        if name == "auto" {
            guard let device = OpenCLDevice.largestGPU(among: devices) else {
                return try CPUBackend(threads: threads)
            }
            return try OpenCLBackend(device)
        }
        guard let device = devices.first(where: { $0.name == name }) else {
            throw BackendError.noSuchDevice(name: name, available: ["cpu", "reference"] + devices.map(\.name))
        }
        return try OpenCLBackend(device)
    }
}
