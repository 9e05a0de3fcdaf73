import SegBackend
import SegCPU
import SegCore
import SegModels
import SegNN
import SegOpenCL
import SegTensor
import SegTestNeeds
import SegWeights
import Testing

/// Compares ten training steps with dropout on OpenCL devices with the CPU.
@Suite(.needs("An OpenCL device (package pocl-opencl-icd)") { !OpenCLDevice.all().isEmpty })
struct OpenCLTrainingTests {
    @Test func lossesAreTheCPUsAndRepeat() throws {
        let expected = try losses(on: CPUBackend(threads: 2))
        #expect(expected[9] < expected[0])
        for device in OpenCLDevice.all() {
            let first = try losses(on: OpenCLBackend(device, profiling: false, precision: .fp32))
            for (step, (loss, reference)) in zip(first, expected).enumerated() {
                #expect(abs(loss - reference) <= 1e-4 * abs(reference), "\(device.name), step \(step)")
            }
            #expect(
                try losses(on: OpenCLBackend(device, profiling: false, precision: .fp32)) == first,
                "\(device.name) does not repeat")
        }
    }

    /// Two steps of Adam with dropout on, for MONAI's small configurations with the formula's weights.
    @Test(
        arguments: [
            "vnet", "unetr_conv", "unetr_perceptron", "segresnet", "segresnetds", "vista3d", "dynunet", "swinunetr",
            "dints", "dints_whole", "dynunet_slices", "unetr_slices", "unet_slices",
        ])
    func everyNetworkTrainsAsOnTheCPU(_ name: String) throws {
        let golden = try NetworkGolden.named(name)
        let expected = try losses(of: golden, on: CPUBackend(threads: 2))
        for device in OpenCLDevice.all() {
            let losses = try losses(of: golden, on: OpenCLBackend(device, profiling: false, precision: .fp32))
            for (loss, reference) in zip(losses, expected) {
                #expect(abs(loss - reference) <= 1e-4 * abs(reference), "\(device.name): \(losses), \(expected)")
            }
        }
    }

    /// A step only enqueues commands: the events show no transfer to the host, and every command has a time.
    @Test func aStepWaitsForNothing() throws {
        let golden = try NetworkGolden.named("segresnet")
        for device in OpenCLDevice.all() {
            let backend = try OpenCLBackend(device, profiling: true, precision: .fp32)
            let step = try trainingStep(of: golden, on: backend)
            _ = try step(0)
            _ = try backend.takeCommands()
            let before = backend.work
            _ = try step(1)
            let asked = backend.work - before
            let commands = try backend.takeCommands()
            #expect(commands.count == asked.commands && asked.commands > 100)
            #expect(commands.allSatisfy { $0.name != "download" && $0.end >= $0.start })
            #expect(zip(commands, commands.dropFirst()).allSatisfy { $0.start <= $1.start })
            #expect(commands.contains { $0.work.flops > 0 } && commands.allSatisfy { $0.work.bytes > 0 })
            #expect(try backend.takeCommands().isEmpty)
        }
    }

    private func losses(of golden: NetworkGolden, on backend: any Backend) throws -> [Float] {
        let step = try trainingStep(of: golden, on: backend)
        return try (0..<2).map { try step(UInt32($0)).floats()[0] }
    }

    /// Runs one step of Adam, and returns the loss before it, still on the device.
    private func trainingStep(
        of golden: NetworkGolden, on backend: any Backend
    ) throws -> (_ pass: UInt32) throws -> Tensor {
        let network = try golden.network(on: backend)
        let (x, labels) = try golden.data(on: backend)
        let optimizer = try Optimizer(
            .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-5, decoupled: false),
            parameters: network.store.trained)
        return { pass in
            let context = ForwardContext(mode: .training, seed: 4, pass: pass)
            let loss = try diceCELoss(network(x, in: context), labels: labels, DiceCEParams())
            try optimizer.step(loss.gradients(upstream: nil), learningRate: 1e-4)
            return loss
        }
    }

    /// The losses of a small UNet that learns to separate bright voxels from dark ones.
    private func losses(on backend: any Backend) throws -> [Float] {
        let definition: ConfigValue = [
            "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
            "channels": [8, 16, 32], "strides": [2, 2], "num_res_units": 2, "norm": "batch", "dropout": 0.2,
        ]
        let network = try NetworkDefinition(definition, source: "test").makeNetwork(on: backend, seed: 3)
        let size = Triple(16)
        let values = (0..<size.count).map {
            Float(Philox4x32.words(counter: (UInt32($0), 0, 0, 0), key: (5, 6)).0 >> 8) * 0x1p-24
        }
        let x = try Tensor(values, shape: Shape(batch: 1, size: size, channels: 1), on: backend)
        let labels = try Tensor(labels: values.map { $0 > 0.7 ? 1 : 0 }, shape: Shape([1] + size.array), on: backend)
        let optimizer = try Optimizer(
            .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-5, decoupled: false),
            parameters: network.store.trained)
        return try (0..<10).map { step in
            let context = ForwardContext(mode: .training, seed: 9, pass: UInt32(step))
            let loss = try diceCELoss(network(x, in: context), labels: labels, DiceCEParams())
            try optimizer.step(loss.gradients(upstream: nil), learningRate: 1e-3)
            return try loss.floats()[0]
        }
    }
}
