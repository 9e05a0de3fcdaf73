import Foundation
public import SegBackend
internal import SegCPU
internal import SegOpenCL
internal import SegReference

/// The devices of this machine. No other code knows every backend.
public enum Devices {
    /// A device that a user can choose.
    public struct Entry: Sendable {
        /// The name for `--device`.
        public let name: String
        /// A description in one line.
        public let details: String
    }

    /// Every device of this machine; the first is the one that "auto" chooses.
    /// - Throws: `BackendError` if the CPU's threads cannot be started.
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

    /// The peak rates of 512-bit instructions on one core: name and floating-point operations per second.
    public static func instructionPeaks() -> [(name: String, flops: Double)] {
        CPUPeak.allCases.compactMap { peak in peak.measure().map { (peak.rawValue, $0) } }
    }

    /// Starts the backend of a device: `auto`, `cpu`, `reference` or `opencl:N`.
    ///
    /// `auto` is the OpenCL GPU with the most memory, else the CPU backend, never OpenCL on a CPU.
    /// - Parameter threads: The number of CPU threads; nil for the number in `MEDSEG_THREADS`, or every core if that is
    ///   not set.
    /// - Throws: `BackendError.noSuchDevice`, which lists the devices; it never falls back to another device.
    public static func makeBackend(_ name: String = "auto", threads: Int? = nil) throws -> any Backend {
        try makeBackend(name, threads: threads, profiling: false, precision: .fp32)
    }

    /// Starts the backend of a device; with `profiling`, a `ProfilingBackend` that times every command.
    /// - Parameter localRank: The number of this process among the processes of its machine. If several GPUs are the
    ///   same, `auto` chooses the one with this number modulo the number of these GPUs.
    /// - Throws: The errors of `makeBackend(_:threads:)`, and `BackendError.notSupported` if the device lacks the
    ///   precision.
    public static func makeBackend(
        _ name: String, threads: Int?, profiling: Bool, precision: Precision, localRank: Int = 0
    ) throws -> any Backend {
        switch name {
        case "cpu": return try cpu(threads, profiling, precision)
        case "reference":
            guard precision == .fp32 || precision == .bf16 else {
                throw BackendError.notSupported(
                    backend: name, op: "--precision \(precision.rawValue)",
                    reason: "it supports fp32, which it computes in 64 bits, and bf16")
            }
            return ReferenceBackend(roundsToBF16: precision == .bf16)
        default: break
        }
        let devices = OpenCLDevice.all()
        let automatic = OpenCLDevice.largestGPUs(among: devices)
        let device =
            name == "auto"
            ? (automatic.isEmpty ? nil : automatic[localRank % automatic.count]) : devices.first { $0.name == name }
        guard let device else {
            if name == "auto" { return try cpu(threads, profiling, precision) }
            throw BackendError.noSuchDevice(
                name: name, available: ["cpu", "reference"] + devices.map(\.name), hint: hint(name, devices))
        }
        let backend = try OpenCLBackend(device, profiling: profiling, precision: precision)
        if let warning = backend.warning { FileHandle.standardError.write(Data("warning: \(warning).\n".utf8)) }
        return backend
    }

    private static func cpu(_ threads: Int?, _ profiling: Bool, _ precision: Precision) throws -> any Backend {
        let backend = try CPUBackend(threads: threads, precision: precision)
        return profiling ? TimedBackend(backend) : backend
    }

    /// The reason why an OpenCL device is missing, and the software to install.
    private static func hint(_ name: String, _ devices: [OpenCLDevice]) -> String? {
        guard name.hasPrefix("opencl"), devices.isEmpty else { return nil }
        if let reason = OpenCLDevice.missingLoader {
            return "the OpenCL ICD loader is missing (\(reason)); on Debian and Ubuntu install ocl-icd-libopencl1"
        }
        return
            "no OpenCL driver is installed; install the GPU's driver, or pocl-opencl-icd for the CPU, which registers itself in "
            + "/etc/OpenCL/vendors"
    }
}
