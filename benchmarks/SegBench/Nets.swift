import ArgumentParser
import SegBackend

/// `medseg-bench nets`: inference and one training step of whole networks at 96³.
struct Nets: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Times whole networks, at 96³: inference, and a training step with Dice loss and Adam.")

    @Option(parsing: .upToNextOption, help: "The networks: unet, vnet, unetr.")
    var names: [String] = ["unet", "vnet", "unetr"]

    @Option(help: "The size of a patch.")
    var size = 96

    @Option(help: "The number of patches in a batch.")
    var batch = 1

    @Option(help: "The maximum seconds of a case.")
    var seconds = 4.0

    @Option(help: "Write the networks as NAME.onnx into this folder, for engines that read ONNX, and time nothing.")
    var onnx: String?

    @Flag(help: "Print one JSON object per line.")
    var json = false

    @OptionGroup var device: DeviceOptions

    func run() throws {
        try BenchNetwork.check(names, size: size)
        let backend = try device.makeBackend()
        if let onnx {
            for name in names { try BenchNetwork.writeONNX(name, size: size, on: backend, to: "\(onnx)/\(name).onnx") }
            return
        }
        let table = Table(json: json, peaks: try (backend as? any ProfilingBackend)?.measurePeaks())
        table.header()
        for name in names { try time(name, on: backend, table) }
    }

    private func time(_ name: String, on backend: any Backend, _ table: Table) throws {
        let network = try BenchNetwork(name, size: size, batch: batch, on: backend)
        for (what, work) in [("inference", network.infer), ("training_step", network.step)] {
            backend.resetMemoryPeak()
            ProcessMemory.resetPeak()
            let time = try Stopwatch(backend: backend, budget: seconds).time(work)
            try table.row(
                Measurement(
                    case: name, what: what, time: time, work: time.work, on: backend, device,
                    batch: batch))
        }
    }
}
