import ArgumentParser
import SegBackend
import SegOpCases

/// `medseg-bench ops`: one row per op: convolutions and norms forward, and forward with gradients; arithmetic forward.
struct Ops: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Times convolutions, norms and arithmetic, with the names of the PyTorch peer.")

    @Option(parsing: .upToNextOption, help: "Only these cases.")
    var names: [String] = []

    @Option(help: "The number of patches in a batch.")
    var batch = 1

    @Option(help: "The maximum seconds of a case.")
    var seconds = 4.0

    @Flag(help: "Print one JSON object per line.")
    var json = false

    @OptionGroup var device: DeviceOptions

    func run() throws {
        let backend = try device.makeBackend()
        let all = OpCases.benchmark(batch: batch)
        let known = Set(all.map(\.name))
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw ValidationError("unknown case '\(unknown)'; known: \(known.sorted().joined(separator: ", "))")
        }
        let table = Table(json: json, peaks: try (backend as? any ProfilingBackend)?.measurePeaks())
        table.header()
        for item in all where names.isEmpty || names.contains(item.name) {
            backend.resetMemoryPeak()
            ProcessMemory.resetPeak()
            let prepared = try item.opCase.prepare(on: backend)
            let time = try Stopwatch(backend: backend, budget: seconds).time { try prepared.execute() }
            // The work that the op requires, independent of the backend's algorithm.
            let work = DeviceWork(flops: item.opCase.flops ?? 0, bytes: item.opCase.bytes ?? 0, commands: 1)
            try table.row(
                Measurement(
                    case: item.name, what: item.what, time: time, work: work, on: backend,
                    device, batch: batch))
        }
    }
}
