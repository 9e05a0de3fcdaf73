import SegBackend
import SegCore
import SegModels
import SegNN
import SegReference
import SegTensor
import Testing

/// Networks in typed code equal those of MONAI's arguments, and a user's own networks are found by their names.
@Suite struct TypedNetworkTests {
    private static func parameters(_ definition: NetworkDefinition) throws -> [String] {
        let network = try definition.makeNetwork(on: ReferenceBackend(), seed: 0)
        return network.store.parameters.map { "\($0.name) \($0.shape.dimensions)" } + ["\(network.dropoutProbability)"]
    }

    private static func bare(_ name: String, _ arguments: [String: ConfigValue]) -> NetworkDefinition {
        let target: [String: ConfigValue] = ["_target_": .string(name), "spatial_dims": 3]
        return NetworkDefinition(.object(target.merging(arguments) { $1 }), source: name)
    }

    /// Each factory with its required arguments only, beside MONAI's class with its required arguments only.
    @Test(arguments: [
        (
            NetworkDefinition.unet(outputChannels: 2, channels: [4, 8], strides: [2]),
            bare("UNet", ["in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2]])
        ),
        (.vnet(), bare("VNet", [:])),
        (
            .unetr(outputChannels: 2, size: 16, featureSize: 4, hiddenSize: 24, mlpSize: 32, heads: 2),
            bare(
                "UNETR",
                [
                    "in_channels": 1, "out_channels": 2, "img_size": 16, "feature_size": 4, "hidden_size": 24,
                    "mlp_dim": 32, "num_heads": 2,
                ])
        ),
        (
            .swinUNETR(outputChannels: 2, featureSize: 12),
            bare("SwinUNETR", ["in_channels": 1, "out_channels": 2, "feature_size": 12])
        ),
        (.segResNet(), bare("SegResNet", [:])),
        (.segResNetDS(filters: 4), bare("SegResNetDS", ["init_filters": 4])),
        (.basicUNet(features: [4, 4, 8, 8, 8, 4]), bare("BasicUNet", ["features": [4, 4, 8, 8, 8, 4]])),
        (
            .attentionUnet(outputChannels: 2, channels: [4, 8], strides: [2]),
            bare("AttentionUnet", ["in_channels": 1, "out_channels": 2, "channels": [4, 8], "strides": [2]])
        ),
        (
            .dynUNet(outputChannels: 2, kernels: [3, 3, 3], strides: [1, 2, 2], filters: [4, 8, 8]),
            bare(
                "DynUNet",
                [
                    "in_channels": 1, "out_channels": 2, "kernel_size": [3, 3, 3], "strides": [1, 2, 2],
                    "upsample_kernel_size": [2, 2], "filters": [4, 8, 8],
                ])
        ),
    ])
    func typedDefaultsAreMONAIs(typed: NetworkDefinition, bare: NetworkDefinition) throws {
        #expect(try Self.parameters(typed) == Self.parameters(bare))
        // The outputs are equal, therefore activations and norms agree too.
        let backend = ReferenceBackend()
        let outputs = try [typed, bare].map { definition in
            let network = try definition.makeNetwork(on: backend, seed: 3)
            let size = network.requiredSize ?? network.sizeDivisor.zip(Triple(2), *)
            let shape = Shape(batch: 1, size: size, channels: network.inputChannels)
            let values = (0..<shape.count).map { Float(($0 * 7919) % 101) / 50 - 1 }
            return try network(Tensor(values, shape: shape, on: backend), in: .inference).floats()
        }
        #expect(outputs[0] == outputs[1])
    }

    @Test func blocksAreWrittenAsMONAIReadsThem() throws {
        let block = BlockOptions(
            activation: .elu(alpha: 0.5), norm: .group(2, affine: false), dropout: 0.25, bias: false, ordering: "AND")
        let definition = NetworkDefinition.unet(
            outputChannels: 2, channels: [4, 8], strides: [[1, 2, 2]], residualUnits: 2, block)
        let reader = try ConfigReader(definition.value, path: "network_def", source: "test")
        #expect(try UNetOptions(reader).block == block)
        #expect(reader.value("act") == ["elu", ["alpha": 0.5]] && reader.value("dropout") == 0.25)
    }

    @Test func aLayerNormIsRefusedByName() throws {
        var norm = BlockOptions.NormOption.batch()
        norm.params.kind = .layer
        let definition = NetworkDefinition.unet(
            outputChannels: 2, channels: [4, 8], strides: [2], BlockOptions(norm: norm))
        let error = try #require(throws: DataError.self) { try definition.outline() }
        #expect(error.key == "network_def.norm" && error.message.contains("layer"))
    }

    /// A network of one convolution.
    private struct Single: Network {
        let store: ParameterStore
        let conv: Conv3d
        let inputChannels = 1
        let outputChannels: Int
        let sizeDivisor: Triple = 1
        let dropoutProbability: Float = 0

        init(_ arguments: ConfigReader, _ store: ParameterStore) throws {
            outputChannels = try arguments.required("classes", arguments.positive("classes"))
            try arguments.finish()
            self.store = store
            conv = try Conv3d(store, inputs: 1, outputs: outputChannels, .same(kernel: 1), bias: true)
        }

        func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor { try conv(x, in: context) }
    }

    @Test(arguments: ["typed.Single", "monai.networks.nets.TypedSingle"])
    func ownNetworksAreFoundByTheirNames(name: String) throws {
        try NetworkDefinition.register(name) { try Single($0, $1) }
        let definition = NetworkDefinition(["_target_": .string(name), "classes": 3], source: "test")
        #expect(try definition.outline().outputChannels == 3)
        #expect(try Self.parameters(definition).prefix(2) == ["weight [3, 1, 1, 1, 1]", "bias [3]"])
        let unknown = NetworkDefinition(["_target_": .string(name), "classes": 3, "odd": 1], source: "test")
        #expect(try #require(throws: DataError.self) { try unknown.outline() }.key == "network_def.odd")
        let other = NetworkDefinition(["_target_": "typed.Other"], source: "test")
        #expect(
            try #require(throws: DataError.self) { try other.outline() }.message.contains(
                name.split(separator: ".").last ?? "?"))
    }

    @Test func namesOfMedSegAreNotTaken() {
        for name in ["UNet", "monai.networks.nets.UNet"] {
            #expect(throws: DataError.self) { try NetworkDefinition.register(name) { try Single($0, $1) } }
        }
    }
}
