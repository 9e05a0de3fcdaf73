import ArgumentParser
import Foundation
import SegBackend
import SegDevices

/// `medseg-bench`: correctness and speed of the backends.
@main
struct MedSegBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "medseg-bench",
        abstract: "Checks and times the compute backends of MedSeg.",
        subcommands: [
            Verify.self, Replay.self, Ops.self, Nets.self, Infer.self, Profile.self, Tune.self, Compare.self,
            DeviceReport.self,
        ])
}

/// Options of every command that computes.
struct DeviceOptions: ParsableArguments {
    @Option(help: "The device: auto, cpu, reference or opencl:N.")
    var device = "auto"

    @Option(help: "CPU threads; default MEDSEG_THREADS or every core.")
    var threads: Int?

    /// Threads that a CPU backend takes.
    var threadCount: Int {
        threads ?? ProcessInfo.processInfo.environment["MEDSEG_THREADS"].flatMap(Int.init)
            ?? ProcessInfo.processInfo.activeProcessorCount
    }

    @Option(
        help: "Products in fp32; in bf16 on the CPU; in tf32 or bf16 on NVIDIA GPUs of compute capability 8.0 or more.",
        transform: { text in
            guard let precision = Precision(rawValue: text) else {
                throw ValidationError("--precision should be fp32, tf32 or bf16, not '\(text)'")
            }
            return precision
        })
    var precision = Precision.fp32

    func makeBackend() throws -> any Backend { try makeBackend(profiling: false) }

    func makeBackend(profiling: Bool) throws -> any Backend {
        try Devices.makeBackend(device, threads: threads, profiling: profiling, precision: precision)
    }
}
