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
        subcommands: [Verify.self, Replay.self, Ops.self, Nets.self])
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

    func makeBackend() throws -> any Backend { try Devices.makeBackend(device, threads: threads) }
}
