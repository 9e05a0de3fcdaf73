import SegBackend
import SegCore
import SegModels
import SegNN
import SegReference
import SegTensor
import SegWeights
import Testing

private func definition(_ target: String, _ arguments: [String: ConfigValue]) -> NetworkDefinition {
    NetworkDefinition(
        .object(arguments.merging(["_target_": .string(target)]) { $1 }), source: "model.json")
}

private let unet: [String: ConfigValue] = [
    "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2],
]

@Test(arguments: [
    ("UNet", unet, 1, 2), ("VNet", [:], 1, 1), ("SegResNet", [:], 1, 2),
    (
        "UNETR",
        ["in_channels": 1, "out_channels": 3, "img_size": 32, "hidden_size": 48, "num_heads": 4, "mlp_dim": 8], 1, 3
    ),
])
func outlinesAreOfTheNetworkThatIsBuilt(
    _ target: String, _ arguments: [String: ConfigValue], inputs: Int, outputs: Int
) throws {
    let definition = definition(target, arguments)
    let outline = try definition.outline()
    let network = try definition.makeNetwork(on: ReferenceBackend(), seed: 0)
    #expect(outline.inputChannels == inputs && outline.outputChannels == outputs)
    #expect(network.inputChannels == inputs && network.outputChannels == outputs)
    #expect(outline.sizeDivisor == network.sizeDivisor)
    #expect(outline.numbers == network.store.parameters.map(\.shape.count).reduce(0, +))
}

/// Networks that exceed any memory: refused before any of it is allocated, but still summarised.
@Test func networksBeyondTheMemoryAreRefusedAndCounted() throws {
    let huge = definition("UNet", unet.merging(["channels": [65536, 65536], "kernel_size": 9]) { $1 })
    let error = #expect(throws: DataError.self) { try huge.makeNetwork(on: ReferenceBackend(), seed: 0) }
    #expect(error?.kind == .tooLarge && error?.message.contains("parameters") == true)
    #expect(try huge.outline().numbers > 1 << 40)
    #expect(try NetworkSummary(huge, size: Triple(16)).parameters > 1 << 40)
}

/// Products of sizes that overflow end with a message.
@Test(arguments: [
    ("UNet", unet.merging(["channels": [65536, 65536], "kernel_size": 4095]) { $1 }),
    ("SwinUNETR", ["in_channels": 1, "out_channels": 2, "feature_size": 65532, "mlp_ratio": 64]),
    (
        "SegResNet",
        [
            "init_filters": 65536, "blocks_down": .array([ConfigValue](repeating: 1, count: 16)),
            "blocks_up": .array([ConfigValue](repeating: 1, count: 15)),
        ]
    ),
])
func sizesThatOverflowAreRefused(_ target: String, _ arguments: [String: ConfigValue]) {
    #expect(throws: (any Error).self) {
        try definition(target, arguments).makeNetwork(on: ReferenceBackend(), seed: 0)
    }
    #expect(throws: (any Error).self) { try NetworkSummary(definition(target, arguments), size: Triple(4096)) }
}

private let absurd: [(String, [String: ConfigValue], String)] = [
    ("UNet", ["channels": .array([ConfigValue](repeating: 2, count: 10_000))], "channels: should have from 1 to 16"),
    (
        "UNet",
        [
            "channels": .array([ConfigValue](repeating: 2, count: 16)),
            "strides": .array([ConfigValue](repeating: 4096, count: 15)),
        ], "strides: divide an axis by more than 4096"
    ),
    ("UNet", ["in_channels": 4_611_686_018_427_387_904], "in_channels: should be from 1 to 65536"),
    ("UNet", ["norm": ["group", ["num_groups": 0]]], "num_groups: should be from 1 to 65536"),
    ("SegResNet", ["init_filters": 4_611_686_018_427_387_904], "init_filters: should be from 1 to 65536"),
    ("SegResNet", ["blocks_down": [1_000_000_000, 1], "blocks_up": [1]], "blocks_down: should be from 1 to 256"),
    ("SwinUNETR", ["in_channels": 1, "out_channels": 2, "window_size": 4096], "window_size: 4096×4096×4096 has"),
    ("SwinUNETR", ["in_channels": 1, "out_channels": 2, "mlp_ratio": 1e300], "mlp_ratio: should be above 0"),
    ("UNETR", ["in_channels": 1, "out_channels": 2, "img_size": 96, "mlp_dim": 1_000_000_000], "mlp_dim: should be"),
]

@Test(arguments: absurd.indices)
func absurdArgumentsAreNamed(_ index: Int) {
    let (target, arguments, message) = absurd[index]
    let all = target == "UNet" ? unet.merging(arguments) { $1 } : arguments
    let error = #expect(throws: DataError.self) { try definition(target, all).outline() }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
}

/// Null means "none" in MONAI where it is accepted; elsewhere it was once read as the default.
@Test func nullsAreNoneOrRefused() throws {
    let none = try definition("VNet", ["dropout_prob_down": .null, "dropout_prob_up": [.null, 0.25]])
        .makeNetwork(on: ReferenceBackend(), seed: 0)
    #expect(none.dropoutProbability == 0.5)
    for (target, key) in [("SegResNet", "norm"), ("SegResNet", "act"), ("UNet", "kernel_size"), ("VNet", "bias")] {
        let arguments = target == "UNet" ? unet : [:]
        let error = #expect(throws: DataError.self) {
            try definition(target, arguments.merging([key: .null]) { $1 }).outline()
        }
        #expect(error?.key == "network_def.\(key)" && error?.message.contains("is null") == true)
    }
    let momentum = #expect(throws: DataError.self) {
        try definition("UNet", unet.merging(["norm": ["batch", ["momentum": .null]]]) { $1 }).outline()
    }
    #expect(momentum?.message.contains("momentum is null") == true)
    #expect(try definition("UNet", unet.merging(["norm": .null, "act": .null]) { $1 }).outline().numbers > 0)
}

/// Each shared weight is in the file once, and is counted once.
@Test func anONNXFileCountsSharedWeightsOnce() throws {
    let dynunet = definition(
        "DynUNet",
        [
            "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "kernel_size": [3, 3, 3], "strides": [1, 2, 2],
            "upsample_kernel_size": [2, 2], "filters": [2, 4, 4],
        ])
    let store = try dynunet.makeNetwork(on: ReferenceBackend(), seed: 0).store
    let state = try store.state()
    let model = try ONNXModel(
        dynunet, weights: Weights(source: "test", tensors: state), metadata: [:], window: Triple(16))
    #expect(model.arrays == store.parameters.count && state.count > store.parameters.count)
    #expect(model.numbers == store.parameters.map(\.shape.count).reduce(0, +))
}

/// The server decides by the outline whether a model can show uncertainty; `dropout` may be a list, and may be unused.
@Test(
    arguments: [
        (0.3, "NDA", 0.3), (["dropout", ["p": 0.3]], "NDA", 0.3), (0.3, "NA", 0), (0, "NDA", 0),
    ] as [(ConfigValue, String, Double)])
func theOutlineHasTheDropoutOfTheNetwork(_ dropout: ConfigValue, _ ordering: String, _ expected: Double) throws {
    let changes: [String: ConfigValue] = ["dropout": dropout, "adn_ordering": .string(ordering)]
    #expect(try definition("UNet", unet.merging(changes) { $1 }).outline().dropout == expected)
}
