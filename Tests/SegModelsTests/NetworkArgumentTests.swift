import SegBackend
import SegCPU
import SegCore
import SegModels
import SegNN
import SegReference
import SegTensor
import SegWeights
import Testing

private func network(
    _ target: String, _ arguments: [String: ConfigValue], on backend: any Backend = ReferenceBackend()
) throws -> any Network {
    var entries = arguments
    entries["_target_"] = .string("monai.networks.nets." + target)
    return try NetworkDefinition(.object(entries), source: "test").makeNetwork(on: backend, seed: 1)
}

/// Counts of MONAI 1.6.1: `sum(p.numel() for p in net.parameters())` and `len(net.state_dict())`.
@Test(
    arguments: [
        ("VNet", ["in_channels": 1, "out_channels": 2], 45_597_898, 150),
        ("UNETR", ["in_channels": 1, "out_channels": 2, "img_size": 96], 92_802_274, 194),
        ("SegResNet", ["dropout_prob": 0.2], 1_176_186, 83),
        ("SegResNetDS", [:], 19_914_146, 153),
        ("SegResNetDS2", ["with_point": false], 22_237_540, 194),
        // 217,964,982 with 48 channels.
        ("vista3d132", ["class_vector": [3], "encoder_embed_dim": 8], 6_080_442, 259),
        ("BasicUNet", [:], 5_749_410, 82),
        (
            "AttentionUnet", ["in_channels": 1, "out_channels": 2, "channels": [8, 16, 32], "strides": [2, 2]], 89_206,
            106
        ),
        (
            "SegResNetDS",
            ["init_filters": 8, "dsdepth": 2, "norm": "INSTANCE", "resolution": [1.0, 1.0, 5.0], "blocks_up": .null],
            1_190_652, 83
        ),
        (
            "DynUNet",
            [
                "in_channels": 1, "out_channels": 2, "kernel_size": [3, 3, [3, 3, 1]], "strides": [1, 2, [2, 2, 1]],
                "upsample_kernel_size": [2, [2, 2, 1]], "filters": [6, 10, 14],
            ], 15_332, 66
        ),
        (
            "SwinUNETR",
            ["in_channels": 1, "out_channels": 2, "feature_size": 12, "use_v2": true, "patch_norm": true], 4_739_048,
            169
        ),
        (
            "DiNTS",
            [
                "in_channels": 1, "num_classes": 2,
                "dints_space": ["_target_": "TopologyInstance", "channel_mul": 0.5, "num_blocks": 2],
            ], 6_576_914, 270
        ),
        (
            "UNet",
            [
                "spatial_dims": 2, "in_channels": 1, "out_channels": 4, "channels": [16, 32, 64, 128, 256],
                "strides": [2, 2, 2, 2], "num_res_units": 2,
            ], 1_625_849, 63
        ),
    ] as [(String, [String: ConfigValue], Int, Int)])
func parameterCountsOfEveryNetwork(
    _ target: String, _ arguments: [String: ConfigValue], parameters: Int, entries: Int
) throws {
    let store = try network(target, arguments, on: try CPUBackend(threads: 2)).store
    #expect(store.trained.map(\.shape.count).reduce(0, +) == parameters)
    #expect(try store.state().count == entries)
}

private let swin: [String: ConfigValue] = ["in_channels": 1, "out_channels": 2, "feature_size": 12]
private let dyn: [String: ConfigValue] = [
    "in_channels": 1, "out_channels": 2, "kernel_size": [3, 3, 3], "strides": [1, 2, 2],
    "upsample_kernel_size": [2, 2],
    "filters": [4, 4, 4],
]
private let attention: [String: ConfigValue] = [
    "in_channels": 1, "out_channels": 2, "channels": [2, 4, 4], "strides": [2, 2],
]
private func dints(_ changes: [String: ConfigValue] = [:]) -> [String: ConfigValue] {
    let space: [String: ConfigValue] = ["_target_": "TopologyInstance", "channel_mul": 0.125, "num_blocks": 2]
    return ["in_channels": 1, "num_classes": 2, "dints_space": .object(space.merging(changes) { $1 })]
}
private let unetr: [String: ConfigValue] = [
    "in_channels": 1, "out_channels": 2, "img_size": [16, 16, 32], "hidden_size": 12, "num_heads": 2, "mlp_dim": 8,
    "feature_size": 2,
]

@Test(
    arguments: [
        ("VNet", [:], ["in_channels": 3], "should divide 16"),
        ("VNet", [:], ["dropout_prob_up": 0.5], "two probabilities"),
        // Below 1 as a Double, 1 as a Float: a scale of infinity.
        ("VNet", [:], ["dropout_prob_up": [0.99999999999, 0]], "dropout_prob_up: should be two probabilities"),
        ("VNet", [:], ["dropout_prob_down": 0.99999999999], "below 1"),
        ("VNet", [:], ["act": ["prelu", ["num_parameters": 3]]], "network_def.act: PReLU with num_parameters"),
        ("DynUNet", dyn, ["dropout": 0.99999999999], "below 1"),
        ("VNet", [:], ["dropout_dim": 4], "1, 2 or 3"),
        ("VNet", [:], ["droput_dim": 3], "did you mean 'dropout_dim'"),
        ("UNETR", unetr, ["img_size": [16, 20, 32]], "multiples of the patch size"),
        ("UNETR", unetr, ["num_heads": 5], "multiple of num_heads"),
        ("UNETR", unetr, ["proj_type": "fourier"], "'fourier' is not supported"),
        ("UNETR", unetr, ["save_attn": true], "network_def.save_attn"),
        ("UNETR", unetr, ["hidden_sise": 12], "did you mean 'hidden_size'"),
        ("SegResNet", [:], ["upsample_mode": "pixelshuffle"], "'pixelshuffle' is not supported"),
        ("SegResNet", [:], ["blocks_up": [1]], "one entry fewer than blocks_down"),
        ("SegResNet", [:], ["init_filters": 12], "do not divide into 8 groups"),
        ("BasicUNet", [:], ["features": [4, 4, 4]], "should be six numbers"),
        ("BasicUNet", [:], ["upsample": "pixelshuffle"], "network_def.upsample"),
        ("BasicUNet", [:], ["norm": ["group", ["num_groups": 5]]], "do not divide into 5 groups"),
        ("AttentionUnet", attention, ["strides": [2]], "should have one entry fewer than channels"),
        ("AttentionUnet", attention, ["kernel_size": 2], "use odd numbers"),
        ("AttentionUnet", attention, ["channels": [1, 2, 4]], "all but the last at least 2"),
        ("SegResNetDS", [:], ["upsample_mode": "pixelshuffle"], "'pixelshuffle' is not supported"),
        ("SegResNetDS", [:], ["resolution": [1, 0, 1]], "resolution: should be three positive"),
        ("SegResNetDS", [:], ["blocks_down": [1]], "at least two numbers"),
        ("SegResNetDS", [:], ["preprocess": "x"], "network_def.preprocess"),
        ("SegResNetDS", [:], ["norm": ["instance_nvfuser", ["affine": false]]], "always affine"),
        ("DynUNet", dyn, ["strides": [2, 2, 2]], "should begin with 1"),
        ("DynUNet", dyn, ["upsample_kernel_size": [2, 3]], "strides without the first"),
        ("DynUNet", dyn, ["deep_supervision": true, "deep_supr_num": 2], "from 1 to 1"),
        ("DynUNet", dyn, ["kernel_size": [3, 2, 3]], "should be odd"),
        ("SwinUNETR", swin, ["feature_size": 16], "multiple of 12"),
        ("SwinUNETR", swin, ["use_hyena": true], "network_def.use_hyena"),
        ("SwinUNETR", swin, ["num_heads": [3, 6, 12, 25]], "divide the channels of the four stages"),
        ("SwinUNETR", swin, ["patch_size": 4], "network_def.patch_size"),
        ("DiNTS", dints(), ["use_downsample": false], "should be the same as in dints_space"),
        ("DiNTS", dints(["_target_": "TopologySearch"]), [:], "TopologyInstance, the result of a search"),
        ("DiNTS", dints(["arch_code": [[[1]], [[0]]]]), [:], "should have 2 rows of 7 integers from 0 to 1"),
        ("DiNTS", dints(["act_name": ["RELU", ["inplace": true]]]), [:], "act_name: inplace is not supported"),
        (
            "DiNTS", dints(), ["node_a": [[0, 1, 1], [1, 1, 1], [1, 1, 1]]], "a path from a depth that no path leads to"
        ),
        (
            "DiNTS", dints(), ["node_a": [[1, 1, 1], [1, 1, 1], [0, 0, 0]]],
            "should select a depth that a path leads to"
        ),
        ("SegResNetDS2", [:], [:], "with_label are both true by default: SegResNetDS2 then has two outputs"),
        (
            "SegResNetDS2", ["with_point": false, "with_label": false], [:],
            "are both false, so the network has no output"
        ),
        ("vista3d132", [:], [:], "network_def.class_vector"),
        ("vista3d132", ["class_vector": [3, 3]], [:], "should be different class numbers from 1 to 511, not [3, 3]"),
        ("vista3d132", ["class_vector": [0]], [:], "should be different class numbers from 1 to 511, not [0]"),
        ("vista3d132", ["class_vector": [3], "encoder_embed_dim": 12], [:], "should be a multiple of 8, not 12"),
        (
            "vista3d132", ["class_vector": [3], "point_coords": [[1, 2, 3]]], [:],
            "point_coords: is not supported: VISTA3D answers class_vector, a list of class numbers, but no points"
        ),
        ("VISTA3D", [:], [:], "'VISTA3D' is not a network MedSeg can build"),
        ("UNet", ["spatial_dims": 4], [:], "only 2 and 3 are supported"),
    ] as [(String, [String: ConfigValue], [String: ConfigValue], String)])
func badArgumentsOfEveryNetworkAreNamed(
    _ target: String, _ base: [String: ConfigValue], _ changes: [String: ConfigValue], message: String
) throws {
    let error = #expect(throws: DataError.self) { try network(target, base.merging(changes) { $1 }) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
}

/// MONAI has some networks under several names, and no others: it has no `AttentionUNet` and no `Unetr`.
@Test(arguments: [
    ("BasicUNet", ["BasicUnet", "Basicunet", "basicunet"]), ("DynUNet", ["DynUnet", "Dynunet"]),
])
func monaisOtherNamesAreTheSameNetwork(_ name: String, _ aliases: [String]) throws {
    let arguments = name == "DynUNet" ? dyn : [:]
    let shapes = try network(name, arguments).store.trained.map(\.shape)
    for alias in aliases { #expect(try network(alias, arguments).store.trained.map(\.shape) == shapes, "\(alias)") }
}

@Test func refusedNamesListMONAIsNetworks() {
    for name in ["AttentionUNet", "Unetr"] {
        let text = #expect(throws: DataError.self) { try network(name, [:]) }?.description ?? ""
        #expect(text.contains("'\(name)' is not a network MedSeg can build") && text.contains("nets.UNETR"), "\(text)")
        #expect(!text.contains("PlainConvUNet"), "\(text)")
    }
}

@Test func unetrTakesItsOwnSizeOnly() throws {
    let net = try network("UNETR", unetr)
    #expect(net.requiredSize == Triple(16, 16, 32))
    #expect(net.sizeDivisor == Triple(16, 16, 32))
    let x = try Tensor(repeating: 0, shape: [1, 16, 16, 64, 1], on: net.store.backend)
    let error = #expect(throws: TensorError.self) { try net(x, in: .inference) }
    #expect(error?.description.contains("windows of 16×16×32 (img_size) only") == true)
    #expect(try network("DynUNet", dyn).requiredSize == nil)
    let anisotropic = try network(
        "SegResNetDS", ["init_filters": 8, "resolution": [1, 1, 5], "blocks_down": [1, 1, 1, 1]])
    #expect(anisotropic.sizeDivisor == Triple(8, 8, 2))
}

/// Beside the older pair MONAI ignores `norm`.
@Test func theOlderNormOfSegResNetComesFirst() throws {
    let small: [String: ConfigValue] = ["init_filters": 4, "blocks_down": [1, 1], "blocks_up": [1]]
    let pair: [String: ConfigValue] = ["norm_name": "group", "num_groups": 2]
    let both = try network("SegResNet", small.merging(pair) { $1 }.merging(["norm": "batch"]) { $1 }).store
    let old = try network("SegResNet", small.merging(pair) { $1 }).store
    #expect(try both.state().keys.sorted() == old.state().keys.sorted())
}

@Test(
    arguments: [
        ("UNETR", unetr, ["dropout_rate": 0.3], [1, 16, 16, 32, 1], 0.3),
        ("DynUNet", dyn, ["dropout": 0.3], [1, 4, 8, 4, 1], 0.3),
        ("SegResNet", [:], ["dropout_prob": 0.3, "blocks_down": [1, 1], "blocks_up": [1]], [1, 2, 4, 2, 1], 0.3),
        (
            "SwinUNETR", swin,
            [
                "drop_rate": 0.1, "attn_drop_rate": 0.3, "dropout_path_rate": 0.2, "depths": [1, 1, 1, 1],
                "window_size": 2, "num_heads": [1, 2, 1, 2],
            ],
            [2, 32, 32, 64, 1], 0.3
        ),
    ] as [(String, [String: ConfigValue], [String: ConfigValue], [Int], Float)])
func dropoutsDifferFromPassToPass(
    _ target: String, _ base: [String: ConfigValue], _ changes: [String: ConfigValue], shape: [Int], probability: Float
) throws {
    let net = try network(target, base.merging(changes) { $1 }, on: try CPUBackend(threads: 2))
    #expect(net.dropoutProbability == probability)
    let count = shape.reduce(1, *)
    let x = try Tensor((0..<count).map { Float($0 * 7 % 31) / 31 }, shape: Shape(shape), on: net.store.backend)
    func sample(_ mode: ForwardContext.Mode, _ pass: UInt32) throws -> [Double] {
        try net(x, in: ForwardContext(mode: mode, seed: 3, pass: pass)).doubles()
    }
    #expect(try sample(.monteCarlo, 0) == sample(.monteCarlo, 0))
    #expect(try sample(.monteCarlo, 0) != sample(.monteCarlo, 1))
    #expect(try sample(.training, 0) != sample(.training, 1))
    #expect(try sample(.inference, 0) == sample(.inference, 1))
}

@Test func vnetDropsWholeChannelsOfTheSkipsWhateverItIsTold() throws {
    let net = try network(
        "VNet", ["dropout_prob_down": 0, "dropout_prob_up": [0, 0]], on: try CPUBackend(threads: 2))
    #expect(net.dropoutProbability == 0.5)
}

@Test func initialValuesHaveTheirSpread() throws {
    let net = try network("UNETR", unetr)
    let positions = try #require(net.store.parameters.first { $0.name.hasSuffix("position_embeddings") })
    let values = try positions.leaf.doubles()
    let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
    #expect(abs(deviation - 0.02) < 0.008)
    let kaiming = try network("DynUNet", dyn.merging(["filters": [16, 16, 16]]) { $1 })
    let weight = try #require(kaiming.store.parameters.first { $0.name == "bottleneck.conv2.conv.weight" })
    let weights = try weight.leaf.doubles()
    let expected = (2 / (1.0001 * 16 * 27)).squareRoot()
    let spread = (weights.reduce(0) { $0 + $1 * $1 } / Double(weights.count)).squareRoot()
    #expect(abs(spread / expected - 1) < 0.03)
}
