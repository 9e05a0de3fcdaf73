import ArgumentParser
import Foundation
import SegBackend

/// `medseg-bench profile`: a training step of a network, kernel by kernel.
struct Profile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Times a training step kernel by kernel, and compares it with the device's measured peaks.",
        discussion: """
            An OpenCL device measures the times itself, with events; on the CPU the command waits for each op. GFLOP/s \
            counts the multiply-adds of products, GB/s counts each array of a kernel once. The roofline is the bound of a \
            kernel, compute or memory, with the share of the peak that the kernel reaches. The bound is latency if the \
            kernel reaches less than a tenth of both peaks or takes less than 10 µs per call.
            """)

    @Option(parsing: .upToNextOption, help: "The networks: unet, vnet, unetr.")
    var names: [String] = ["unet"]

    @Option(help: "The size of a patch.")
    var size = 96

    @Option(help: "The number of patches in a batch.")
    var batch = 1

    @Option(help: "The number of training steps that are summed, after one step to warm up.")
    var steps = 3

    @Flag(help: "Print one JSON object per line.")
    var json = false

    @Option(help: "Write the last network's commands as a Chrome trace, for ui.perfetto.dev.")
    var trace: String?

    @OptionGroup var device: DeviceOptions

    func validate() throws {
        guard steps > 0, batch > 0 else { throw ValidationError("--steps and --batch should be at least 1") }
    }

    func run() throws {
        try BenchNetwork.check(names, size: size)
        let backend = try device.makeBackend(profiling: true)
        guard let profiling = backend as? any ProfilingBackend else {
            throw ValidationError("\(backend.name) cannot be profiled; pass cpu or an OpenCL device to --device")
        }
        let peaks = try profiling.measurePeaks()
        for name in names {
            let network = try BenchNetwork(name, size: size, batch: batch, on: backend)
            try network.step()
            _ = try profiling.takeCommands()
            let clock = ContinuousClock()
            let wall = try clock.measure {
                for _ in 0..<steps { try network.step() }
                try backend.synchronize()
            }
            let commands = try profiling.takeCommands()
            let report = StepProfile(
                network: name, device: backend.name, commands: commands, peaks: peaks, steps: steps,
                wall: wall / .seconds(1))
            if json { try report.printJSON() } else { report.printTable(details: backend.details) }
            if let trace { try ChromeTrace(commands, device: backend.name).write(to: trace) }
        }
    }
}
