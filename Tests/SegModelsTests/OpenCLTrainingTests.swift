import SegBackend
import SegCPU
import SegModels
import SegNN
import SegOpenCL
import SegTensor
import Testing

/// Ten training steps with dropout on OpenCL devices against the CPU.
@Suite(.enabled(if: !OpenCLDevice.all().isEmpty, "no OpenCL device on this machine"))
struct OpenCLTrainingTests {
    @Test func lossesAreTheCPUsAndRepeat() throws {
        let expected = try losses(on: CPUBackend(threads: 2))
        #expect(expected[9] < expected[0])
        for device in OpenCLDevice.all() {
            let first = try losses(on: OpenCLBackend(device))
            for (step, (loss, reference)) in zip(first, expected).enumerated() {
                #expect(abs(loss - reference) <= 1e-4 * abs(reference), "\(device.name), step \(step)")
            }
            #expect(try losses(on: OpenCLBackend(device)) == first, "\(device.name) does not repeat")
        }
    }

    /// Losses of a small UNet that learns to tell bright voxels from dark ones.
    private func losses(on backend: any Backend) throws -> [Float] {
        let definition: ConfigValue = [
            "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
            "channels": [8, 16, 32], "strides": [2, 2], "num_res_units": 2, "norm": "batch", "dropout": 0.2,
        ]
        let network = try NetworkDefinition(definition, source: "test").makeNetwork(on: backend, seed: 3)
        let size = Triple(16)
        let values = (0..<size.product).map {
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
