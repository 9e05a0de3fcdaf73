// He et al. 2021, "DiNTS: Differentiable Neural Network Topology Search for 3D Medical Image Segmentation";
// MONAI's `monai.networks.nets.DiNTS` with a `TopologyInstance`, the network that a search has found.
//
// Shapes with num_depths 4, use_downsample and a 96³ input. Between the stems are 12 blocks; `arch_code` gives their paths
// between the depths:
//   stem_down.0   96³ × 1 → 96³ ×  32 → 48³ ×  64   depth 0   stem_up.0   48³ ×  64 → 48³ ×  32 → 96³ ×  32
//   stem_down.1   48³ × 1 → 48³ ×  64 → 24³ × 128   depth 1   stem_up.1   24³ × 128 → 24³ ×  64 → 48³ ×  64
//   stem_down.2   24³ × 1 → 24³ × 128 → 12³ × 256   depth 2   stem_up.2   12³ × 256 → 12³ × 128 → 24³ × 128
//   stem_down.3   12³ × 1 → 12³ × 256 →  6³ × 512   depth 3   stem_up.3    6³ × 512 →  6³ × 256 → 12³ × 256
//   stem_finals   96³ × 32 → 96³ × classes
// A path leads from a depth to the same or a neighbouring depth. Each depth of a block is the sum of the paths that lead to it.
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.DiNTS` and of its `dints_space`, a `TopologyInstance`.
public struct DiNTSOptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The paths between depths and their operations.
    public var topology: DiNTSTopology
    /// Whether each depth receives the input, finest first.
    var entrances: [Bool]
    /// The coarsest depth whose output is used.
    var deepestExit: Int
    var activation: BlockOptions.ActivationOption
    var norm: BlockOptions.NormOption

    /// Reads MONAI's arguments.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        try reader.requireThreeDimensions("spatial_dims")
        inputChannels = try reader.required("in_channels", reader.positive("in_channels"))
        outputChannels = try reader.required("num_classes", reader.positive("num_classes"))
        activation = try DiNTSTopology.activation(reader)
        norm = try DiNTSTopology.norm(reader)
        let space = try reader.required("dints_space", reader.object("dints_space"))
        topology = try DiNTSTopology(space)
        guard try reader.bool("use_downsample") ?? true == topology.halvesInput else {
            throw reader.error("use_downsample", "should be the same as in dints_space, \(topology.halvesInput)")
        }
        let nodes = try topology.nodes(reader)
        (entrances, deepestExit) = (nodes.entrances, nodes.deepestExit)
        try reader.finish()
    }
}

/// A network of a searched topology, with MONAI's parameter names.
public struct DiNTS: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: DiNTSOptions
    private let stemsDown: [DiNTSStemDown]
    /// The paths of each block with their cells.
    private let cells: [[(path: DiNTSPath, cell: DiNTSCell)]]
    private let stemsUp: [DiNTSStemUp]
    private let last: DiNTSConvolution
    private let head: Conv3d

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: DiNTSOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        let topology = options.topology
        let tree = store.scope("dints_space").scope("cell_tree")
        cells = try topology.blocks.enumerated().map { block, paths in
            try paths.map { path in
                (path, try DiNTSCell(tree.scope("(\(block), \(path.number))"), path, topology))
            }
        }
        let depths = 0..<topology.depthCount
        stemsDown = try depths.map {
            try DiNTSStemDown(store.scope("stem_down").scope("\($0)").scope("mod"), depth: $0, options)
        }
        stemsUp = try depths.map {
            try DiNTSStemUp(store.scope("stem_up").scope("\($0)").scope("mod"), depth: $0, options)
        }
        let finals = store.scope("stem_finals")
        let filters = topology.filters[0]
        last = try DiNTSConvolution(
            finals.scope("0"), inputs: filters, outputs: filters, kernel: Triple(3), options.activation, options.norm)
        head = try Conv3d(
            finals.scope("1"), inputs: filters, outputs: options.outputChannels, .same(kernel: 1, stride: 1), bias: true
        )
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// Each depth except the first halves the size, and so does the stem if `use_downsample` is true.
    public var sizeDivisor: Triple { Triple(1 << (options.topology.depthCount - 1 + options.topology.stemHalvings)) }
    /// 0, because the network has no dropout.
    public var dropoutProbability: Float { 0 }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try checkInput(x, "DiNTS")
        var nodes: [Tensor?] = try zip(stemsDown, options.entrances).map { try $1 ? $0(x, in: context) : nil }
        for block in cells {
            var next = [Tensor?](repeating: nil, count: nodes.count)
            for (path, cell) in block {
                guard let input = nodes[path.source] else {
                    throw TensorError(op: "DiNTS", "has a path from a depth that no path leads to")
                }
                let output = try context.recomputing([input]) { try cell($0[0], in: $1) }
                next[path.target] = try next[path.target].map { try add($0, output) } ?? output
            }
            nodes = next
        }
        return try ascend(nodes, in: context)
    }

    /// Upsamples from the coarsest depth that is used to the finest, adding the output of each depth.
    private func ascend(_ nodes: [Tensor?], in context: ForwardContext) throws -> Tensor {
        var y: Tensor?
        for depth in (0...options.deepestExit).reversed() {
            let sum = if let y, let node = nodes[depth] { try add(node, y) } else { y ?? nodes[depth] }
            y = try sum.map { try stemsUp[depth]($0, in: context) }
        }
        guard let y else { throw TensorError(op: "DiNTS", "has no path to an output") }
        return try head(last(y, in: context), in: context)
    }
}
