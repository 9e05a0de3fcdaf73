import SegBackend
import SegCPU
import SegCore
import SegModels
import SegNN
import SegReference
import SegTensor
import SegWeights
import Testing

/// Runs an ONNX file node by node with the tensor library, in channels-last layout.
private struct ONNXRunner {
    let nodes: [ProtobufMessage]
    let arrays: [String: (shape: [Int], values: [Float])]
    let backend: any Backend

    init(_ bytes: [UInt8], on backend: any Backend) throws {
        let model = try #require(ProtobufMessage(bytes[...]))
        let graph = try #require(model.messages(7).first)
        nodes = graph.messages(1)
        arrays = Dictionary(
            uniqueKeysWithValues: graph.messages(5).map {
                ($0.texts(8)[0], (shape: $0.integers(1), values: $0.floats(raw: 9)))
            })
        self.backend = backend
    }

    func run(_ image: Tensor) throws -> Tensor {
        var values = ["image": image]
        for node in nodes {
            let inputs = node.texts(1)
            let x = try #require(values[inputs[0]])
            values[node.texts(2)[0]] = try apply(node, x, inputs) { try #require(values[$0]) }
        }
        return try #require(values["logits"])
    }

    private func array(_ name: String) throws -> Tensor {
        let array = try #require(arrays[name])
        return try Tensor(array.values, shape: Shape(array.shape), on: backend)
    }

    private func apply(
        _ node: ProtobufMessage, _ x: Tensor, _ inputs: [String], _ value: (String) throws -> Tensor
    ) throws -> Tensor {
        let attributes = Dictionary(uniqueKeysWithValues: node.messages(5).map { ($0.texts(1)[0], $0) })
        func triple(_ name: String) throws -> Triple {
            Triple(Array(try #require(attributes[name]).integers(8).prefix(3)))
        }
        let op = node.texts(4)[0]
        switch op {
        case "Conv", "ConvTranspose":
            let params = Conv3dParams(
                kernel: try triple("kernel_shape"), stride: try triple("strides"), padding: try triple("pads"),
                dilation: try triple("dilations"), groups: try #require(attributes["group"]).integers(3)[0])
            let weight = try array(inputs[1])
            let bias = inputs.count > 2 ? try array(inputs[2]) : nil
            if op == "Conv" { return try conv3d(x, weight: weight, bias: bias, params) }
            return try convTranspose3d(x, weight: weight, bias: bias, params, outputPadding: triple("output_padding"))
        case "BatchNormalization", "InstanceNormalization":
            let isBatch = op.hasPrefix("Batch")
            let params = NormParams(
                kind: isBatch ? .batch : .instance, epsilon: try #require(attributes["epsilon"]?.float(2)))
            let statistics: NormStatistics =
                isBatch ? .given(mean: try array(inputs[3]), variance: try array(inputs[4])) : .ofInput
            return try normActivate(
                x, weight: array(inputs[1]), bias: array(inputs[2]), statistics: statistics, params,
                NormFollowers()
            ).output
        case "PRelu":
            let slopes = try #require(arrays[inputs[1]])
            #expect(slopes.shape.dropFirst() == [1, 1, 1])
            return try activate(x, .prelu, slope: Tensor(slopes.values, shape: [slopes.values.count], on: backend))
        case "LeakyRelu":
            return try activate(x, .leakyReLU(slope: try #require(attributes["alpha"]?.float(2))), slope: nil)
        case "GroupNormalization":
            let groups = try #require(attributes["num_groups"]).integers(3)[0]
            let params = NormParams(kind: .group(groups), epsilon: try #require(attributes["epsilon"]?.float(2)))
            return try normActivate(
                x, weight: array(inputs[1]), bias: array(inputs[2]), statistics: .ofInput, params, NormFollowers()
            ).output
        case "Relu": return try activate(x, .relu, slope: nil)
        case "Sigmoid": return try activate(x, .sigmoid, slope: nil)
        case "Mul": return try multiply(x, arrays[inputs[1]] == nil ? value(inputs[1]) : array(inputs[1]))
        case "Resize":
            #expect(inputs[1].isEmpty && arrays[inputs[2]]?.values == [1, 1, 2, 2, 2])
            #expect(attributes["mode"]?.texts(4) == ["linear"])
            #expect(attributes["coordinate_transformation_mode"]?.texts(4) == ["half_pixel"])
            return try resample3d(
                x, to: x.shape.size.zip(Triple(2), *), Resample3dParams(mode: .trilinear, alignCorners: false))
        case "Concat":
            #expect(attributes["axis"]?.integers(3) == [1])
            return try concatenate(inputs.map(value))
        case "Add": return try add(x, value(inputs[1]))
        case "Identity": return x
        default:
            Issue.record("the file has the node \(op)")
            return x
        }
    }
}

@Test(
    arguments: [
        ["norm": "batch", "num_res_units": 2, "dropout": 0.2],
        ["norm": "instance", "num_res_units": 0],
        ["norm": ["instance", ["affine": true]], "num_res_units": 1, "act": "leakyrelu", "bias": false],
        ["norm": "batch", "num_res_units": 1, "act": ["swish", ["alpha": 1.5]]],
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
    // Running statistics that are not those of a fresh network.
    _ = try net(x, in: ForwardContext(mode: .training, seed: 1, pass: 0))
    let expected = try net(x, in: .inference).doubles()
    let weights = Weights(source: "test", tensors: try net.store.state())
    let model = try ONNXModel(definition, weights: weights, metadata: [:])
    let actual = try ONNXRunner(model.bytes, on: backend).run(x).doubles()
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
            "_target_": "DynUNet", "spatial_dims": 3, "in_channels": 2, "out_channels": 3, "filters": [2, 4, 4],
            "kernel_size": [3, [1, 3, 3], 3], "strides": [1, [1, 2, 2], 2], "upsample_kernel_size": [[1, 2, 2], 2],
            "res_block": true, "trans_bias": true, "deep_supervision": true,
        ], [1, 4, 8, 8, 2]
    ),
]

@Test(arguments: otherNetworks.indices)
func exportedGraphsOfOtherNetworksComputeTheSame(_ index: Int) throws {
    let (value, shape) = otherNetworks[index]
    let definition = NetworkDefinition(value, source: "test")
    let backend = try CPUBackend(threads: 2)
    let net = try definition.makeNetwork(on: backend, seed: 3)
    let x = try Tensor((0..<shape.count).map { Float($0 * 7 % 31) / 31 }, shape: shape, on: backend)
    // Running statistics that are not those of a fresh network.
    _ = try net(x, in: ForwardContext(mode: .training, seed: 1, pass: 0))
    let expected = try net(x, in: .inference).doubles()
    let weights = Weights(source: "test", tensors: try net.store.state())
    let actual = try ONNXRunner(ONNXModel(definition, weights: weights, metadata: [:]).bytes, on: backend).run(x)
    #expect(Set(expected).count > 10)
    #expect(relativeError(try actual.doubles(), expected) < 1e-5)
}

@Test func networksThatCannotBeExportedAreNamed() throws {
    let definition = NetworkDefinition(["_target_": "monai.networks.nets.SwinUNETR"], source: "swin.json")
    let error = #expect(throws: DataError.self) {
        try ONNXModel(definition, weights: Weights(source: "w.pt", tensors: [:]), metadata: [:])
    }
    let text = error?.description ?? ""
    #expect(text.contains("SwinUNETR' cannot be written as ONNX; these can: monai.networks.nets.DynUNet, "))
}

@Test func exportsWithoutWeightsAreRefused() throws {
    let definition = NetworkDefinition(
        [
            "_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2, "channels": [2, 4],
            "strides": [2],
        ], source: "test")
    let error = #expect(throws: DataError.self) {
        try ONNXModel(definition, weights: Weights(source: "w.pt", tensors: [:]), metadata: [:])
    }
    #expect(error?.description.contains("w.pt: the weights have no 'model.0.conv.weight'") == true)
}
