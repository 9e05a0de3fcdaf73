import ArgumentParser
import Foundation
import SegBackend
import SegModels
import SegNN
import SegTensor

/// `medseg-bench nets`: whole networks at 96³, inference and one training step.
struct Nets: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Times whole networks at 96³: inference, and a training step with Dice loss and Adam.")

    @Option(parsing: .upToNextOption, help: "The networks: unet.")
    var names: [String] = ["unet"]

    @Option(help: "Patches in a batch.")
    var batch = 1

    @Option(help: "Seconds a case may take.")
    var seconds = 4.0

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup var device: DeviceOptions

    func run() throws {
        let backend = try device.makeBackend()
        let table = Table(json: json)
        table.header()
        for name in names {
            guard let definition = Self.definitions[name] else {
                throw ValidationError(
                    "unknown network '\(name)'; known: \(Self.definitions.keys.sorted().joined(separator: ", "))")
            }
            try time(name, definition, on: backend, table)
        }
    }

    /// The networks of `reference/bench_torch.py`.
    private static let definitions: [String: ConfigValue] = [
        "unet": [
            "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
            "channels": [16, 32, 64, 128, 256], "strides": [2, 2, 2, 2], "num_res_units": 2, "norm": "batch",
        ]
    ]

    private func time(_ name: String, _ definition: ConfigValue, on backend: any Backend, _ table: Table) throws {
        let network = try NetworkDefinition(definition, source: name).makeNetwork(on: backend, seed: 0)
        let size = Triple(96)
        let voxels = batch * size.product
        let random = (0..<voxels).map { Philox4x32.words(counter: (UInt32($0), 0, 0, 0), key: (1, 2)).0 }
        let x = try Tensor(
            random.map { Float($0 >> 8) * 0x1p-24 }, shape: Shape(batch: batch, size: size, channels: 1), on: backend)
        let labels = try Tensor(
            labels: random.map { $0 > 3_865_470_566 ? 1 : 0 }, shape: Shape([batch] + size.array), on: backend)
        let optimizer = try Optimizer(
            .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-5, decoupled: false),
            parameters: network.store.trained)
        var step: UInt32 = 0
        let works: [(String, () throws -> Void)] = [
            ("inference", { _ = try network(x, in: .inference) }),
            (
                "training_step",
                {
                    let context = ForwardContext(mode: .training, seed: 0, pass: step)
                    let loss = try diceCELoss(network(x, in: context), labels: labels, DiceCEParams())
                    try optimizer.step(loss.gradients(upstream: nil), learningRate: 1e-4)
                    step += 1
                }
            ),
        ]
        for (what, work) in works {
            backend.resetMemoryPeak()
            ProcessMemory.resetPeak()
            let (median, minimum) = try Stopwatch(backend: backend, budget: seconds).time(work)
            try table.row(
                Measurement(
                    case: name, what: what, ms: median, best_ms: minimum, gflops: nil, peak_mib: ProcessMemory.peak,
                    tensor_mib: backend.memory.peak >> 20, device: backend.name, threads: device.threadCount,
                    batch: batch))
        }
    }
}
