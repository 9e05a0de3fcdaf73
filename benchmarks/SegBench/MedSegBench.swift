import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegDevices

/// `medseg-bench`: correctness and speed of the backends.
@main
struct MedSegBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "medseg-bench",
        abstract: "Checks and times the compute backends of MedSeg.",
        version: Version.current,
        subcommands: [
            Verify.self, Replay.self, Ops.self, Nets.self, Infer.self, Profile.self, Tune.self, Compare.self,
            DeviceReport.self, Comm.self,
        ])
}

/// Options of every command that computes.
struct DeviceOptions: ParsableArguments {
    @Option(help: "The device: auto, cpu, reference or opencl:N.")
    var device = "auto"

    @Option(help: "The number of CPU threads; default MEDSEG_THREADS or every core.")
    var threads: Int?

    /// The number of threads of a CPU backend.
    var threadCount: Int {
        threads ?? ProcessInfo.processInfo.environment["MEDSEG_THREADS"].flatMap(Int.init)
            ?? ProcessInfo.processInfo.activeProcessorCount
    }

    @Option(
        help: """
            The precision of products: fp32; bf16 on the CPU; tf32 or bf16 on NVIDIA GPUs of compute capability 8.0 or \
            more; or fp16, which stores convolution weights as fp16, on any OpenCL device.
            """,
        transform: { text in
            guard let precision = Precision(rawValue: text) else {
                throw ValidationError("--precision should be fp32, tf32, bf16 or fp16, not '\(text)'")
            }
            return precision
        })
    var precision = Precision.fp32

    @Option(
        help: """
            Use one algorithm for every op that it supports: direct, 'winograd 2' or 'winograd 4'; on the CPU also \
            product, or at stride 2 'winograd 3'; in OpenCL also vector, gemm, a tile such as 'gemm 64 64 8 4', \
            'sub-groups' or 'local memory'. May be repeated.
            """)
    var force: [String] = []

    func makeBackend() throws -> any Backend { try makeBackend(profiling: false) }

    func makeBackend(profiling: Bool) throws -> any Backend {
        let backend = try Devices.makeBackend(device, threads: threads, profiling: profiling, precision: precision)
        for name in force {
            guard let forceable = backend as? any ForceableBackend else {
                throw ValidationError("--force needs the CPU or an OpenCL device, not \(backend.name)")
            }
            try forceable.force(name)
        }
        return backend
    }
}
