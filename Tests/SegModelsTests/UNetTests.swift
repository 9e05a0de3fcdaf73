import SegBackend
import SegCore
import SegModels
import SegNN
import SegReference
import SegTensor
import SegWeights
import Testing

/// A `network_def` with the report's UNet and changed entries.
private func definition(_ changes: [String: ConfigValue]) -> NetworkDefinition {
    let base: [String: ConfigValue] = [
        "_target_": "monai.networks.nets.UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2,
        "channels": [16, 32, 64, 128, 256], "strides": [2, 2, 2, 2], "num_res_units": 2, "norm": "batch",
    ]
    return NetworkDefinition(.object(base.merging(changes) { $1 }), source: "test")
}

private func network(_ changes: [String: ConfigValue]) throws -> any Network {
    try definition(changes).makeNetwork(on: ReferenceBackend(), seed: 1)
}

/// Counts of MONAI 1.6.1: `sum(p.numel() for p in net.parameters())` and `len(net.state_dict())`.
@Test(
    arguments: [
        (["norm": "batch"], 4_808_917, 148),
        (["norm": "instance"], 4_806_481, 63),
        (["norm": "instance", "num_res_units": 0], 1_979_610, 26),
    ] as [([String: ConfigValue], Int, Int)])
func parameterCounts(_ changes: [String: ConfigValue], parameters: Int, entries: Int) throws {
    let store = try network(changes).store
    #expect(store.trained.map(\.shape.count).reduce(0, +) == parameters)
    #expect(try store.state().count == entries)
}

@Test func namesNestAsInMONAI() throws {
    let names = Set(try network([:]).store.state().keys)
    for name in [
        "model.0.conv.unit0.conv.weight", "model.0.conv.unit1.adn.N.running_mean", "model.0.residual.bias",
        "model.1.submodule.0.conv.unit0.adn.A.weight",
        "model.1.submodule.1.submodule.1.submodule.1.submodule.residual.weight",
        "model.2.0.conv.weight", "model.2.0.adn.N.num_batches_tracked", "model.2.1.conv.unit0.conv.weight",
    ] { #expect(names.contains(name), "\(name)") }
}

@Test(
    arguments: [
        (["chanels": [1, 2]], "did you mean 'channels'"),
        (["chanels": [1, 2], "stride": [2]], "'channels'? Nor is 'stride'; did you mean 'strides'?"),
        (["xyzzyx": 1, "yyyyyy": 2], "is not a known key, nor is 'yyyyyy'; known here"),
        (["norm": "localresponse"], "'localresponse' is not supported"),
        (["act": "mish"], "'mish' is not supported"),
        (["strides": [2, 2]], "one entry fewer than channels"),
        (["kernel_size": 2], "no 'same' padding"),
        (["spatial_dims": 1], "spatial_dims"),
        (["_target_": "os.system"], "is not a network MedSeg can build"),
        (["adn_ordering": "NXA"], "letters N, D, A"),
        (["dropout": 1.5], "probability"),
    ] as [([String: ConfigValue], String)])
func badArgumentsAreNamed(_ changes: [String: ConfigValue], message: String) throws {
    let error = #expect(throws: DataError.self) { try network(changes) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
}

@Test func inputThatDoesNotDivideIsRefused() throws {
    let net = try network(["channels": [2, 4, 4], "strides": [2, 2]])
    let x = try Tensor(repeating: 0, shape: [1, 8, 6, 8, 1], on: net.store.backend)
    let error = #expect(throws: TensorError.self) { try net(x, in: .inference) }
    #expect(error?.description.contains("multiples of 4×4×4") == true)
}

/// Every order of norm, dropout and activation equals the composition of single steps.
@Test(arguments: ["NDA", "NAD", "AN", "DAN", "A", "N", ""])
func orderingsRun(_ ordering: String) throws {
    let net = try network([
        "channels": [2, 4], "strides": [[2, 1, 2]], "adn_ordering": .string(ordering), "dropout": 0.2, "act": "relu",
    ])
    let x = try Tensor((0..<128).map { Float($0 % 7) }, shape: [1, 4, 4, 8, 1], on: net.store.backend)
    let y = try net(x, in: ForwardContext(mode: .training, seed: 1, pass: 0))
    #expect(y.shape == [1, 4, 4, 8, 2])
}

@Test func monteCarloSamplesDifferAndRepeat() throws {
    let net = try network(["channels": [4, 4], "strides": [2], "dropout": 0.5])
    let x = try Tensor((0..<64).map { Float($0) / 64 }, shape: [1, 4, 4, 4, 1], on: net.store.backend)
    func sample(_ pass: UInt32) throws -> [Double] {
        try net(x, in: ForwardContext(mode: .monteCarlo, seed: 3, pass: pass)).doubles()
    }
    #expect(try sample(0) == sample(0))
    #expect(try sample(0) != sample(1))
    #expect(try net(x, in: .inference).doubles() == net(x, in: .inference).doubles())
}
