import ArgumentParser
import SegBackend
import SegCore
import SegModels
import SegNN
import SegTensor
import SegWeights

/// A network of the PyTorch peer with a patch, labels and an optimiser, for timing, profiling and tuning.
final class BenchNetwork {
    let network: any Network
    private let x: Tensor
    private let labels: Tensor
    /// The optimiser, created by the first step, because a prediction does not use its moments.
    private var optimizer: Optimizer?
    private var steps: UInt32 = 0

    /// The networks of the PyTorch peer, by name.
    static let definitions: [String: ConfigValue] = [
        "unet": [
            "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
            "channels": [16, 32, 64, 128, 256], "strides": [2, 2, 2, 2], "num_res_units": 2, "norm": "batch",
        ],
        "vnet": [
            "_target_": "monai.networks.nets.VNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
        ],
        "unetr": [
            "_target_": "monai.networks.nets.UNETR", "in_channels": 1, "out_channels": 2, "img_size": [96, 96, 96],
            "feature_size": 16, "hidden_size": 768, "mlp_dim": 3072, "num_heads": 12, "norm_name": "instance",
            "res_block": true, "proj_type": "conv",
        ],
    ]

    /// Checks that `definitions` contains the names and that the size is valid.
    static func check(_ names: [String], size: Int) throws {
        if let unknown = names.first(where: { definitions[$0] == nil }) {
            throw ValidationError(
                "unknown network '\(unknown)'; known: \(definitions.keys.sorted().joined(separator: ", "))")
        }
        guard size > 0, size % 16 == 0 else {
            throw ValidationError("--size should be a multiple of 16, not \(size)")
        }
    }

    /// Builds a network and fills a batch of cubes with noise.
    init(_ name: String, size: Int, batch: Int, on backend: any Backend) throws {
        network = try Self.definition(name, size: size).makeNetwork(on: backend, seed: 0)
        let size = Triple(size)
        let random = (0..<batch * size.count).map {
            Philox4x32.words(counter: (UInt32($0), 0, 0, 0), key: (1, 2)).0
        }
        x = try Tensor(
            random.map { Float($0 >> 8) * 0x1p-24 }, shape: Shape(batch: batch, size: size, channels: 1), on: backend)
        labels = try Tensor(
            labels: random.map { $0 > 3_865_470_566 ? 1 : 0 }, shape: Shape([batch] + size.array), on: backend)
    }

    /// The definition of a network for cubes of a size.
    static func definition(_ name: String, size: Int) -> NetworkDefinition {
        guard var definition = definitions[name] else { preconditionFailure("names are checked first") }
        if name == "unetr", case .object(var entries) = definition {
            entries["img_size"] = .array([.int(size), .int(size), .int(size)])
            definition = .object(entries)
        }
        return NetworkDefinition(definition, source: name)
    }

    /// Writes a network with its initial weights as ONNX.
    static func writeONNX(_ name: String, size: Int, on backend: any Backend, to path: String) throws {
        let definition = definition(name, size: size)
        let state = try definition.makeNetwork(on: backend, seed: 0).store.state()
        try ONNXModel(definition, weights: Weights(source: name, tensors: state), metadata: [:], window: Triple(size))
            .write(to: path)
    }

    /// Enqueues one prediction.
    func infer() throws { _ = try network(x, in: .inference) }

    /// Enqueues one training step: forward, Dice loss, gradients, Adam.
    func step() throws {
        let context = ForwardContext(mode: .training, seed: 0, pass: steps)
        let loss = try diceCELoss(network(x, in: context), labels: labels, DiceCEParams())
        let optimizer = try self.optimizer ?? makeOptimizer()
        self.optimizer = optimizer
        try optimizer.step(backFrom: loss, learningRate: 1e-4)
        steps += 1
    }

    private func makeOptimizer() throws -> Optimizer {
        try Optimizer(
            .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 1e-5, decoupled: false),
            parameters: network.store.trained)
    }
}
