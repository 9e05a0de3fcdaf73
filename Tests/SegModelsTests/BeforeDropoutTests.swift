import SegBackend
import SegCPU
import SegCore
import SegModels
import SegNN
import SegTensor
import SegWeights
import Testing

private let definitions: [String: ConfigValue] = [
    "UNet": ["channels": [4, 6, 8], "strides": [2, 2], "num_res_units": 2, "norm": "batch", "dropout": 0.3],
    "UNet plain": ["channels": [4, 6], "strides": [2], "dropout": 0.3, "adn_ordering": "DNA"],
    "SegResNet": ["init_filters": 8, "dropout_prob": 0.3],
    "VNet": [:],
    "VNet skips": ["dropout_prob_down": 0],
    "UNETR": [
        "img_size": [32, 32, 64], "feature_size": 4, "hidden_size": 24, "mlp_dim": 48, "num_heads": 4,
        "dropout_rate": 0.3,
    ],
    "SwinUNETR": ["feature_size": 12, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 1, 1], "drop_rate": 0.3],
    "DynUNet": [
        "kernel_size": [3, 3, 3], "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [4, 6, 8],
        "dropout": 0.3,
    ],
]

/// Monte-Carlo passes that start from the activations before the dropout equal those that start from the input.
@Test(arguments: definitions.keys.sorted())
func stemsAreTheSameInEveryPass(_ name: String) throws {
    guard case .object(var definition)? = definitions[name] else { return }
    let target = String(name.prefix { $0 != " " })
    definition["_target_"] = .string(target)
    (definition["spatial_dims"], definition["in_channels"], definition["out_channels"]) = (3, 1, 2)
    let backend = try CPUBackend(threads: 2)
    let network = try NetworkDefinition(.object(definition), source: "test").makeNetwork(on: backend, seed: 1)
    let values = NetworkGolden.formula(stream: 7, count: 32 * 32 * 64).map { Float($0) }
    let x = try Tensor(values, shape: [1, 32, 32, 64, 1], on: backend)
    let kept = try network.beforeDropout(x, in: .inference)
    let plain = try network(x, in: .inference).floats()
    #expect(try network(fromDropout: kept, in: .inference).floats() == plain)
    var outputs: [[Float]] = [plain]
    for pass in 0..<2 {
        let context = ForwardContext(mode: .monteCarlo, seed: 4, pass: UInt32(pass))
        outputs.append(try network(x, in: context).floats())
        #expect(try network(fromDropout: kept, in: context).floats() == outputs.last)
    }
    #expect(Set(outputs).count == 3)
    // Only DynUNet keeps its input.
    #expect((kept.count == 1 && kept[0].shape == x.shape) == (target == "DynUNet"))
}
