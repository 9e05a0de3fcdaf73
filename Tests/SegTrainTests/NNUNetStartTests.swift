import Foundation
import SegCPU
import SegCore
import SegModels
import SegTrain
import SegWeights
import Testing

/// Training runs that start from a checkpoint of nnU-Net: everything except the segmentation layers has to fit.
@Suite(.serialized) struct NNUNetStartTests {
    private let path = FileManager.default.temporaryDirectory.path + "/start-\(UUID().uuidString).pth"

    private static func network(classes: Int, features: [ConfigValue] = [4, 8], seed: UInt64) throws -> any Network {
        let definition: ConfigValue = [
            "_target_": "PlainConvUNet", "n_stages": 2, "features_per_stage": .array(features), "conv_op": "Conv3d",
            "kernel_sizes": [[1, 3, 3], [3, 3, 3]], "strides": [1, [1, 2, 2]], "n_conv_per_stage": [1, 1],
            "n_conv_per_stage_decoder": [1], "conv_bias": true, "norm_op": "InstanceNorm3d",
            "norm_op_kwargs": ["eps": 1e-5, "affine": true], "nonlin": "LeakyReLU", "input_channels": 1,
            "num_classes": .int(classes),
        ]
        return try NetworkDefinition(definition, source: "plans").makeNetwork(on: CPUBackend(threads: 1), seed: seed)
    }

    /// A checkpoint as saved by nnU-Net's trainer, of a 2-D network if requested.
    private func write(_ network: any Network, slices: Bool = false) throws {
        let state = try network.store.state().sorted { $0.key < $1.key }
        let tensors = state.map { name, tensor in
            slices && name.hasPrefix("encoder.stages.0.") && tensor.shape.count == 5
                ? tensor.reshaped(Array(tensor.shape[..<2]) + tensor.shape[3...]) : tensor
        }
        let entries = state.enumerated().map { (key: $1.key, value: CheckpointValue.tensor($0)) }
        try Weights.write(
            checkpoint: .named([("network_weights", .ordered(entries)), ("trainer_name", .text("nnUNetTrainer"))]),
            tensors, to: path)
    }

    @Test(arguments: [false, true]) func allButTheSegmentationLayersAreTaken(_ slices: Bool) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let source = try Self.network(classes: 5, seed: 1)
        try write(source, slices: slices)
        let network = try Self.network(classes: 5, seed: 2)
        let before = try network.store.state()
        let said = try StartingWeights(path).load(into: network.store)
        #expect(said.contains { $0.contains("the segmentation layers keep random values") }, "\(said)")
        let (after, theirs) = (try network.store.state(), try source.store.state())
        for (name, tensor) in after {
            let wanted = name.contains("seg_layers") ? before[name] : theirs[name]
            #expect(tensor.bytes == wanted?.bytes, "\(name)")
        }
    }

    @Test func anotherNumberOfClassesIsTaken() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write(Self.network(classes: 5, seed: 1))
        #expect(throws: Never.self) { try StartingWeights(path).load(into: Self.network(classes: 2, seed: 2).store) }
    }

    @Test func whatDoesNotFitIsRefusedByName() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try write(Self.network(classes: 2, features: [4, 6], seed: 1))
        let network = try Self.network(classes: 2, seed: 2)
        let before = try network.store.state().mapValues(\.bytes)
        let error = try #require(throws: DataError.self) { try StartingWeights(path).load(into: network.store) }
        #expect(error.key == "init_from", "\(error)")
        #expect(
            error.message.contains(
                "stages.1.0.convs.0.conv.weight has the shape [6, 4, 3, 3, 3] in the file and [8, 4"),
            "\(error)")
        #expect(try network.store.state().mapValues(\.bytes) == before)
    }
}
