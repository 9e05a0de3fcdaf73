import SegBackend
import SegCore
import SegModels
import SegNN
import SegReference
import SegTensor
import SegWeights
import Testing

private func definition(_ changes: [String: ConfigValue]) -> NetworkDefinition {
    let base: [String: ConfigValue] = [
        "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [16, 32, 64, 128, 256],
        "strides": [2, 2, 2, 2], "num_res_units": 2, "norm": "batch",
    ]
    return NetworkDefinition(.object(base.merging(changes) { $1 }), source: "test")
}

/// Parameters as in MONAI; multiply-adds are half of the count of torch.utils.flop_counter for MONAI's UNet.
@Test func unetIsCounted() throws {
    let summary = try NetworkSummary(definition([:]), size: Triple(96))
    #expect(summary.parameters == 4_808_917)
    #expect(summary.rows.map(\.parameters).reduce(0, +) == summary.parameters)
    #expect(summary.multiplyAdds == 5_119_082_496)
    let first = try #require(summary.rows.first { $0.layer == "model.0.conv.unit0.conv" })
    #expect(first.op == "conv 3×3×3" && first.shape == [1, 48, 48, 48, 16] && first.parameters == 448)
    #expect(first.multiplyAdds == 48 * 48 * 48 * 16 * 27)
    #expect(summary.description.contains("model.2.0.conv"))
}

/// The counted bytes equal those that a backend without scratch memory really holds.
@Test(arguments: [["norm": "batch"], ["norm": "instance", "num_res_units": 0]] as [[String: ConfigValue]])
func memoryIsWhatIsHeld(_ changes: [String: ConfigValue]) throws {
    let small = definition(["channels": [2, 4, 4], "strides": [2, 2], "dropout": 0.1].merging(changes) { $1 })
    let size = Triple(8, 16, 4)
    let summary = try NetworkSummary(small, size: size, scalar: .f64)
    let backend = ReferenceBackend()
    let network = try small.makeNetwork(on: backend, seed: 0)
    let held = backend.memory.live
    let x = try Tensor(repeating: 0.5, shape: [1, 8, 16, 4, 1], on: backend)
    let labels = try Tensor(
        labels: [Int32](repeating: 1, count: size.count), shape: [1, 8, 16, 4], on: backend)
    let context = ForwardContext(mode: .training, seed: 0, pass: 0)
    let loss = try diceCELoss(network(x, in: context), labels: labels, DiceCEParams())
    #expect(summary.savedBytes == backend.memory.live - held)
    #expect(summary.trainingBytes > summary.savedBytes && summary.inferenceBytes < summary.savedBytes)
    #expect(loss.isTracked)
}

@Test func patchesThatDoNotFitAreRefused() {
    #expect(throws: TensorError.self) { try NetworkSummary(definition([:]), size: Triple(95)) }
}
