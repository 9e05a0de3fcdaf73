import SegBackend
import SegCPU
import SegCore
import SegModels
import SegNN
import SegReference
import SegTensor
import SegWeights
import Testing

@Test(
    arguments: [
        ["norm": "batch", "num_res_units": 2, "dropout": 0.2],
        ["norm": "instance", "num_res_units": 0],
        ["norm": ["instance", ["affine": true]], "num_res_units": 1, "act": "leakyrelu", "bias": false],
        [
            "strides": [[2, 1, 2], [1, 2, 2]], "kernel_size": [3, 1, 5], "up_kernel_size": [3, 3, 1],
            "adn_ordering": "NAD",
        ],
    ] as [[String: ConfigValue]])
func exportedGraphsComputeWhatTheNetworkDoes(_ changes: [String: ConfigValue]) throws {
    let base: [String: ConfigValue] = [
        "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 3,
        "channels": [2, 4, 4], "strides": [2, 2],
    ]
    let definition = NetworkDefinition(.object(base.merging(changes) { $1 }), source: "test")
    let backend = ReferenceBackend()
    let net = try definition.makeNetwork(on: backend, seed: 3)
    let x = try Tensor((0..<512).map { Float($0 * 7 % 31) / 31 }, shape: [1, 4, 8, 8, 2], on: backend)
    // Running statistics that differ from those of a fresh network.
    _ = try net(x, in: ForwardContext(mode: .training, seed: 1, pass: 0))
    let expected = try net(x, in: .inference).doubles()
    let weights = Weights(source: "test", tensors: try net.store.state())
    let model = try ONNXModel(definition, weights: weights, metadata: [:], window: Triple(8))
    let runner = try ONNXRunner(model.bytes, on: backend)
    let actual = try runner.run(x)
    #expect(runner.inputShape == [nil, 2, nil, nil, nil])
    #expect(actual.count == expected.count && Set(expected).count > 10)
    for (a, b) in zip(actual, expected) { #expect(abs(a - b) < 1e-5) }
}

private let otherNetworks: [(ConfigValue, Shape)] = [
    (
        ["_target_": "VNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 2, "act": "prelu", "bias": true],
        [1, 16, 16, 32, 2]
    ),
    (
        ["_target_": "SegResNet", "in_channels": 2, "out_channels": 2, "blocks_down": [1, 2], "blocks_up": [1]],
        [
            1, 4, 6, 8, 2,
        ]
    ),
    (
        [
            "_target_": "SegResNet", "in_channels": 2, "blocks_down": [1, 1, 1], "blocks_up": [1, 2],
            "upsample_mode": "deconv", "norm": "batch",
        ], [1, 8, 4, 8, 2]
    ),
    (
        [
            "_target_": "SegResNetDS", "in_channels": 2, "out_channels": 3, "init_filters": 4,
            "blocks_down": [1, 1, 1],
            "resolution": [4, 1, 1.5], "norm": "instance", "dsdepth": 2,
        ], [1, 4, 8, 8, 2]
    ),
    (
        [
            "_target_": "SegResNetDS", "in_channels": 2, "init_filters": 4, "blocks_down": [1, 2],
            "upsample_mode": "nontrainable", "act": "prelu",
        ], [1, 4, 6, 8, 2]
    ),
    (
        [
            "_target_": "SegResNetDS2", "in_channels": 2, "init_filters": 4, "blocks_down": [1, 2], "with_label": false,
        ], [1, 4, 6, 8, 2]
    ),
    (
        ["_target_": "vista3d132", "in_channels": 2, "encoder_embed_dim": 8, "class_vector": [3, 115]],
        [1, 32, 32, 48, 2]
    ),
    (
        [
            "_target_": "BasicUNet", "in_channels": 2, "out_channels": 3, "features": [2, 4, 4, 6, 6, 4],
            "act": "prelu",
        ],
        [1, 32, 32, 48, 2]
    ),
    (
        [
            "_target_": "AttentionUnet", "spatial_dims": 3, "in_channels": 2, "out_channels": 2, "channels": [4, 6, 8],
            "strides": [2, [2, 2, 1]],
        ], [2, 8, 12, 6, 2]
    ),
    (
        [
            "_target_": "DynUNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 3, "filters": [2, 4, 4],
            "kernel_size": [3, [1, 3, 3], 3], "strides": [1, [1, 2, 2], 2], "upsample_kernel_size": [[1, 2, 2], 2],
            "res_block": true, "trans_bias": true, "deep_supervision": true,
        ], [1, 4, 8, 8, 2]
    ),
    (
        [
            "_target_": "DiNTS", "in_channels": 2, "num_classes": 3,
            "dints_space": ["_target_": "TopologyInstance", "channel_mul": 0.125, "num_blocks": 2],
        ], [1, 8, 16, 8, 2]
    ),
    (
        [
            "_target_": "UNet", "spatial_dims": 2, "in_channels": 2, "out_channels": 3, "channels": [2, 4, 6],
            "strides": [2, [1, 2]], "num_res_units": 2,
        ], [1, 4, 8, 1, 2]
    ),
    (
        [
            "_target_": "UNETR", "in_channels": 2, "out_channels": 2, "img_size": [32, 16, 32], "feature_size": 2,
            "hidden_size": 12, "mlp_dim": 8, "num_heads": 3,
        ], [2, 32, 16, 32, 2]
    ),
    (
        [
            "_target_": "UNETR", "in_channels": 2, "out_channels": 2, "img_size": [32, 16, 32], "feature_size": 2,
            "hidden_size": 12, "mlp_dim": 8, "num_heads": 3, "proj_type": "perceptron", "norm_name": "batch",
            "conv_block": false, "res_block": false, "qkv_bias": true,
        ], [1, 32, 16, 32, 2]
    ),
    (
        [
            "_target_": "SwinUNETR", "in_channels": 2, "out_channels": 2, "feature_size": 12, "window_size": 3,
            "depths": [2, 1, 1, 1],
        ], [2, 64, 32, 32, 2]
    ),
    (
        [
            "_target_": "SwinUNETR", "in_channels": 2, "out_channels": 2, "feature_size": 12, "window_size": 4,
            "depths": [1, 2, 1, 1], "downsample": "mergingv2", "use_v2": true, "patch_norm": true,
            "normalize": false, "qkv_bias": false,
        ], [1, 32, 64, 32, 2]
    ),
]

@Test(arguments: otherNetworks.indices)
func exportedGraphsOfOtherNetworksComputeTheSame(_ index: Int) throws {
    let (value, shape) = otherNetworks[index]
    let definition = NetworkDefinition(value, source: "test")
    let backend = try CPUBackend(threads: 2)
    let net = try definition.makeNetwork(on: backend, seed: 3)
    let x = try Tensor((0..<shape.count).map { Float($0 * 7 % 31) / 31 }, shape: shape, on: backend)
    // Running statistics that differ from those of a fresh network.
    _ = try net(x, in: ForwardContext(mode: .training, seed: 1, pass: 0))
    let expected = try net(x, in: .inference).doubles()
    let weights = Weights(source: "test", tensors: try net.store.state())
    let model = try ONNXModel(definition, weights: weights, metadata: [:], window: shape.size)
    let runner = try ONNXRunner(model.bytes, on: backend)
    #expect(Set(expected).count > 10)
    #expect(relativeError(try runner.run(x), expected) < 1e-5)
    let isTransformer = "\(value)".contains("UNETR")
    #expect(runner.inputShape == [nil, 2] + (isTransformer ? shape.size.array : [nil, nil, nil]))
}

@Test func windowsThatANetworkDoesNotTakeAreNamed() throws {
    let definition = NetworkDefinition(
        ["_target_": "monai.networks.nets.SwinUNETR", "in_channels": 1, "out_channels": 2], source: "swin.json")
    let error = #expect(throws: DataError.self) {
        try ONNXModel(
            definition, weights: Weights(source: "w.pt", tensors: [:]), metadata: [:], window: Triple(48))
    }
    let text = error?.description ?? ""
    #expect(text.contains("swin.json: cannot be run on a patch of 48×48×48: SwinUNETR") && text.contains("32×32×32"))
}

@Test func exportsWithoutWeightsAreRefused() throws {
    let definition = NetworkDefinition(
        [
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [2, 4],
            "strides": [2],
        ], source: "test")
    let error = #expect(throws: DataError.self) {
        try ONNXModel(definition, weights: Weights(source: "w.pt", tensors: [:]), metadata: [:], window: Triple(8))
    }
    #expect(error?.description.contains("w.pt: the weights have no 'model.0.conv.weight'") == true)
}
