// A network of your own, which configurations and model folders can name.
//
//     swift run own-network
import MedSeg

/// Two convolution blocks and a head.
struct TwoBlocks: Network {
    let store: ParameterStore
    let inputChannels: Int
    let outputChannels: Int
    let sizeDivisor: Triple = 1
    let dropoutProbability: Float = 0
    private let blocks: [ConvolutionBlock]
    private let head: Conv3d

    /// Reads `in_channels`, `out_channels` and `features`.
    init(_ arguments: ConfigReader, _ store: ParameterStore) throws {
        inputChannels = try arguments.positive("in_channels") ?? 1
        outputChannels = try arguments.required("out_channels", arguments.positive("out_channels"))
        let features = try arguments.positive("features") ?? 8
        try arguments.finish()
        self.store = store
        let options = BlockOptions(activation: .relu, norm: .instance(affine: true))
        blocks = try [inputChannels, features].enumerated().map { index, inputs in
            try ConvolutionBlock(
                store.scope("block\(index)"), inputs: inputs, outputs: features, BlockGeometry(), options)
        }
        head = try Conv3d(
            store.scope("head"), inputs: features, outputs: outputChannels, .same(kernel: 1), bias: true)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try checkInput(x, "TwoBlocks")
        return try head(blocks.reduce(x) { try $1($0, in: context) }, in: context)
    }
}

try NetworkDefinition.register("mine.TwoBlocks") { try TwoBlocks($0, $1) }

let definition = NetworkDefinition(["_target_": "mine.TwoBlocks", "out_channels": 3], source: "own-network")
let backend = try Devices.makeBackend("cpu")
let network = try definition.makeNetwork(on: backend, seed: 0)
let logits = try network(Tensor(repeating: 1, shape: [1, 8, 8, 8, 1], on: backend), in: .inference)
print("\(logits.shape), \(network.store.parameters.count) parameters: \(network.store.parameters.map(\.name))")
