import SegBackend
import SegCPU
import SegCore
import SegModels
import SegNN
import SegTensor
import SegWeights
import Testing

/// Activations that are recomputed in the backward pass: less memory, and the same bits.
@Suite struct RecomputeTests {
    /// The results of a training pass: the loss, every gradient, every parameter and running statistic.
    private struct Trace: Equatable {
        var loss: [Float] = []
        var gradients: [String: [Float]] = [:]
        var state: [String: [UInt8]] = [:]
    }

    private func trace(_ definition: ConfigValue, size: Triple, recomputes: Bool) throws -> (Trace, peak: Int) {
        let backend = try CPUBackend(threads: 2)
        let network = try NetworkDefinition(definition, source: "test").makeNetwork(on: backend, seed: 3)
        let values = (0..<2 * size.count).map { Float(($0 * 2_654_435_761) % 1009) / 1009 }
        let x = try Tensor(values, shape: Shape(batch: 2, size: size, channels: 1), on: backend)
        let labels = try Tensor(labels: values.map { $0 > 0.7 ? 1 : 0 }, shape: Shape([2] + size.array), on: backend)
        let loss = SegmentationLoss(DiceCEParams())
        var trace = Trace()
        backend.resetMemoryPeak()
        for pass in 0..<2 {
            var context = ForwardContext(mode: .training, seed: 9, pass: UInt32(pass))
            context.recomputes = recomputes
            let value = try loss(supervised: network.supervisedOutputs(x, in: context), labels: labels)
            trace.loss += try value.floats()
            let gradients = try value.gradients(upstream: nil)
            for parameter in network.store.trained {
                trace.gradients["\(pass) \(parameter.name)"] = try gradients[parameter.leaf]?.floats()
            }
        }
        trace.state = try network.store.state().mapValues(\.bytes)
        return (trace, backend.memory.peak)
    }

    private static let networks: [(ConfigValue, Triple)] = [
        (
            [
                "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [8, 16, 32],
                "strides": [2, 2], "num_res_units": 2, "norm": "batch", "dropout": 0.2,
            ], Triple(24)
        ),
        (
            [
                "_target_": "DynUNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
                "kernel_size": [3, 3, 3, 3], "strides": [1, 2, 2, 2], "upsample_kernel_size": [2, 2, 2],
                "filters": [8, 12, 16, 20], "deep_supervision": true, "deep_supr_num": 2, "dropout": 0.1,
                "res_block": true,
            ], Triple(16)
        ),
        (
            [
                "_target_": "SegResNetDS", "init_filters": 8, "in_channels": 1, "out_channels": 2,
                "blocks_down": [1, 2, 2], "dsdepth": 2,
            ], Triple(16)
        ),
        (
            ["_target_": "vista3d132", "in_channels": 1, "encoder_embed_dim": 8, "class_vector": [3, 115]],
            Triple(32)
        ),
        (
            [
                "_target_": "BasicUNet", "in_channels": 1, "out_channels": 2, "features": [4, 8, 8, 12, 12, 8],
                "dropout": 0.1,
            ], Triple(32)
        ),
        (
            [
                "_target_": "AttentionUnet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
                "channels": [4, 8, 12], "strides": [2, 2], "dropout": 0.1,
            ], Triple(16)
        ),
        (
            [
                "_target_": "DiNTS", "in_channels": 1, "num_classes": 2,
                "dints_space": ["_target_": "TopologyInstance", "channel_mul": 0.125, "num_blocks": 2],
            ], Triple(16)
        ),
        (
            [
                "_target_": "scripts.networks.unest_base_patch_4.UNesT", "in_channels": 1, "out_channels": 2,
                "feature_size": 2, "patch_size": 4, "depths": [1, 1, 1], "embed_dim": [16, 32, 64],
                "num_heads": [2, 2, 4],
            ], Triple(96)
        ),
        (["_target_": "VNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2], Triple(16, 16, 32)),
        (
            [
                "_target_": "UNETR", "in_channels": 1, "out_channels": 2, "img_size": [32, 32, 32],
                "feature_size": 4, "hidden_size": 24, "mlp_dim": 48, "num_heads": 3, "dropout_rate": 0.1,
            ], Triple(32)
        ),
        (
            [
                "_target_": "SegResNet", "spatial_dims": 3, "init_filters": 8, "in_channels": 1, "out_channels": 2,
                "dropout_prob": 0.2,
            ], Triple(16)
        ),
        (
            ["_target_": "SwinUNETR", "in_channels": 1, "out_channels": 2, "feature_size": 12, "drop_rate": 0.1],
            // For smaller windows the weights alone determine the peak.
            Triple(64)
        ),
    ]

    @Test(arguments: networks)
    func theBitsAreTheSameAndThePeakIsLower(_ definition: ConfigValue, size: Triple) throws {
        let (plain, whole) = try trace(definition, size: size, recomputes: false)
        let (again, part) = try trace(definition, size: size, recomputes: true)
        #expect(plain.loss == again.loss)
        #expect(plain.state == again.state)
        #expect(plain.gradients.count == again.gradients.count && plain.gradients.count > 10)
        for (name, values) in plain.gradients { #expect(again.gradients[name] == values, "\(name)") }
        #expect(part < whole, "\(part >> 10) KiB with, \(whole >> 10) KiB without")
    }

    /// Training changes parameters while the rest of the graph is still traversed; no later node may read them any
    /// more.
    @Test(arguments: networks)
    func parametersMayChangeOnTheWayBack(_ definition: ConfigValue, size: Triple) throws {
        func train(_ step: (Optimizer, Tensor) throws -> Void) throws -> [String: [UInt8]] {
            let backend = try CPUBackend(threads: 2)
            let network = try NetworkDefinition(definition, source: "test").makeNetwork(on: backend, seed: 3)
            let values = (0..<size.count).map { Float(($0 * 2_654_435_761) % 1009) / 1009 }
            let x = try Tensor(values, shape: Shape(batch: 1, size: size, channels: 1), on: backend)
            let labels = try Tensor(
                labels: values.map { $0 > 0.7 ? 1 : 0 }, shape: Shape([1] + size.array), on: backend)
            let optimizer = try Optimizer(
                .adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, decoupled: false),
                parameters: network.store.trained)
            for pass in 0..<2 {
                let context = ForwardContext(mode: .training, seed: 9, pass: UInt32(pass))
                let outputs = try network.supervisedOutputs(x, in: context)
                try step(optimizer, SegmentationLoss(DiceCEParams())(supervised: outputs, labels: labels))
            }
            return try network.store.state().mapValues(\.bytes)
        }
        let whole = try train { try $0.step($1.gradients(upstream: nil), learningRate: 1e-2) }
        let walked = try train { try $0.step(backFrom: $1, learningRate: 1e-2) }
        #expect(whole == walked && whole.count > 10)
    }

    /// Sizes for which activations outweigh parameters, as in patches of a usual size.
    @Test func aFifthOfTheMemoryIsSaved() throws {
        let definition: ConfigValue = [
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [8, 16, 32, 64],
            "strides": [2, 2, 2], "num_res_units": 2, "norm": "batch",
        ]
        let peaks = try [false, true].map { try trace(definition, size: Triple(64), recomputes: $0).peak }
        #expect(5 * peaks[1] < 4 * peaks[0], "\(peaks.map { $0 >> 20 }) MiB without and with")
    }
}
