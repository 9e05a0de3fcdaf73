import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegInference
import SegModels
import SegNN
import SegTensor

/// `medseg-bench infer`: inference of whole volumes with overlapping windows.
struct Infer: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Times sliding-window inference of whole networks: 96³ windows, overlap 0.5, Gaussian.")

    @Option(parsing: .upToNextOption, help: "The networks: unet, vnet, unetr.")
    var names: [String] = ["unet", "vnet", "unetr"]

    @Option(parsing: .upToNextOption, help: "The size of the volume; the PyTorch peer uses 243 201 168.")
    var volume: [Int] = [243, 201, 168]

    @Option(help: "The size of a window.")
    var size = 96

    @Option(help: "The maximum seconds of a case; every case runs at least once after a run to warm up.")
    var seconds = 20.0

    @Flag(help: "Print one JSON object per line.")
    var json = false

    @OptionGroup var device: DeviceOptions

    func validate() throws {
        guard volume.count == 3, volume.allSatisfy({ $0 > 0 }) else {
            throw ValidationError("--volume needs three positive numbers, not \(volume)")
        }
    }

    func run() throws {
        try BenchNetwork.check(names, size: size)
        let backend = try device.makeBackend()
        let table = Table(json: json, peaks: try (backend as? any ProfilingBackend)?.measurePeaks())
        table.header()
        let extents = Triple(volume)
        let values = (0..<extents.count).map {
            Float(Philox4x32.words(counter: (UInt32($0), 0, 0, 0), key: (3, 4)).0 >> 8) * 0x1p-24
        }
        let image = try Tensor(values, shape: Shape(batch: 1, size: extents, channels: 1), on: backend)
        let windows = SlidingWindow(window: Triple(size), overlap: 0.5, blending: .gaussian)
        let count = try WindowPlan(image: extents, window: Triple(size), overlap: 0.5).starts.count
        for name in names {
            let definition = BenchNetwork.definition(name, size: size)
            let flops = 2 * count * (try NetworkSummary(definition, size: Triple(size)).multiplyAdds)
            let network = try definition.makeNetwork(on: backend, seed: 0)
            backend.resetMemoryPeak()
            ProcessMemory.resetPeak()
            let time = try Stopwatch(backend: backend, budget: seconds, fewest: 1).time {
                _ = try windows(image, progress: { _, _ in }, predict: { try network($0, in: .inference) })
            }
            let work = DeviceWork(flops: flops, bytes: time.work?.bytes ?? 0, commands: 1)
            try table.row(
                Measurement(
                    case: name, what: "sliding_window", time: time, work: work, on: backend,
                    device, batch: 1))
        }
    }
}
