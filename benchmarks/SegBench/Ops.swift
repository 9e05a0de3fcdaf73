import ArgumentParser
import SegBackend
import SegOpCases

/// `medseg-bench ops`: one convolution or norm a row, forward and forward with gradients.
struct Ops: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Times convolutions and norms, forward and forward+backward, under the PyTorch peer's names.")

    @Option(parsing: .upToNextOption, help: "Only these cases.")
    var names: [String] = []

    @Option(help: "Patches in a batch.")
    var batch = 1

    @Option(help: "Seconds a case may take.")
    var seconds = 4.0

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup var device: DeviceOptions

    func run() throws {
        let backend = try device.makeBackend()
        let all = OpCases.benchmark(batch: batch)
        let known = Set(all.map(\.name))
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw ValidationError("unknown case '\(unknown)'; known: \(known.sorted().joined(separator: ", "))")
        }
        let table = Table(json: json)
        table.header()
        for item in all where names.isEmpty || names.contains(item.name) {
            backend.resetMemoryPeak()
            ProcessMemory.resetPeak()
            let prepared = try item.opCase.prepare(on: backend)
            let (median, minimum) = try Stopwatch(backend: backend, budget: seconds).time { try prepared.execute() }
            try table.row(
                Measurement(
                    case: item.name, what: item.what, ms: median, best_ms: minimum,
                    gflops: item.opCase.flops.map { Double($0) / median / 1e6 },
                    peak_mib: ProcessMemory.peak, tensor_mib: backend.memory.peak >> 20, device: backend.name,
                    threads: device.threadCount, batch: batch))
        }
    }
}
