// Myronenko 2018, "3D MRI brain tumor segmentation using autoencoder regularization"; MONAI's
// `monai.networks.nets.SegResNet`, without the autoencoder.
//
// Shapes with init_filters 8, blocks_down (1, 2, 2, 4), blocks_up (1, 1, 1) and a 96³ input:
//   convInit      96³ ×  1 → 96³ ×  8
//   down_layers.0 96³ ×  8, 1 block                         up 2   48³ × 16 → 96³ ×  8, plus down_layers.0, 1 block
//   down_layers.1 96³ ×  8 → 48³ × 16, 2 blocks             up 1   24³ × 32 → 48³ × 16, plus down_layers.1, 1 block
//   down_layers.2 48³ × 16 → 24³ × 32, 2 blocks             up 0   12³ × 64 → 24³ × 32, plus down_layers.2, 1 block
//   down_layers.3 24³ × 32 → 12³ × 64, 4 blocks
//   conv_final    96³ ×  8 → norm, activation, 1³ → 96³ × classes
// A block is norm, activation, 3³ convolution, twice, plus its input. Skips are added, not concatenated.
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.SegResNet`.
public struct SegResNetOptions: Hashable, Sendable {
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The number of channels of the finest stage; each further encoder stage doubles it.
    public var filters: Int
    /// The number of blocks of each encoder stage.
    public var blocksDown: [Int]
    /// The number of blocks of each decoder stage.
    public var blocksUp: [Int]
    /// The probability of the channel dropout after the first convolution.
    public var dropout: Float
    /// Whether transposed convolutions upsample, instead of trilinear interpolation.
    public var hasTransposedConvolutions: Bool
    var activation: BlockOptions.ActivationOption
    var norm: BlockOptions.NormOption

    /// Reads MONAI's arguments.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        try reader.requireThreeDimensions("spatial_dims")
        inputChannels = try reader.positive("in_channels") ?? 1
        outputChannels = try reader.positive("out_channels") ?? 2
        filters = try reader.positive("init_filters") ?? 8
        blocksDown = try reader.blocks("blocks_down") ?? [1, 2, 2, 4]
        blocksUp = try reader.blocks("blocks_up") ?? [1, 1, 1]
        dropout = try reader.probability("dropout_prob") ?? 0
        activation = try BlockOptions.activation(reader, "act", default: "relu")
        norm = try Self.norm(reader)
        try reader.expect("use_conv_final", true)
        let mode = try reader.string("upsample_mode")?.lowercased() ?? "nontrainable"
        guard ["deconv", "nontrainable"].contains(mode) else {
            throw reader.error("upsample_mode", "'\(mode)' is not supported; supported: deconv, nontrainable")
        }
        hasTransposedConvolutions = mode == "deconv"
        try reader.finish()
        try reader.checkSegResNet(blocksDown: blocksDown, blocksUp: blocksUp, filters: filters, norm, activation)
    }

    /// Reads `norm`, by default a group norm with 8 groups, or the older pair `norm_name` and `num_groups`.
    private static func norm(_ reader: ConfigReader) throws -> BlockOptions.NormOption {
        let groups = try reader.positive("num_groups") ?? 8
        let old = try reader.string("norm_name")?.lowercased() ?? ""
        guard old.isEmpty || old == "group" else {
            throw reader.error("norm_name", "'\(old)' is not supported, only 'group'; use norm for other kinds")
        }
        // MONAI ignores `norm` if `norm_name` is given.
        let hasNorm = reader.value("norm") != nil
        guard old.isEmpty, hasNorm else {
            return .group(old.isEmpty ? 8 : groups)
        }
        return try BlockOptions.norm(reader, "norm", default: "group")
    }
}

extension ConfigReader {
    /// Checks the arguments that SegResNet and SegResNetDS share.
    func checkSegResNet(
        blocksDown: [Int], blocksUp: [Int], filters: Int, _ norm: BlockOptions.NormOption,
        _ activation: BlockOptions.ActivationOption
    ) throws {
        guard blocksDown.count >= 2 else {
            throw error("blocks_down", "should be at least two numbers, not \(blocksDown)")
        }
        guard blocksUp.count == blocksDown.count - 1 else {
            throw error(
                "blocks_up",
                "should have one entry fewer than blocks_down: \(blocksDown.count - 1), not \(blocksUp.count)")
        }
        if case .group(let groups) = norm.params.kind, filters % groups != 0 {
            throw error("norm", "\(filters) channels do not divide into \(groups) groups")
        }
        if activation.slopeCount != 1 {
            throw error("act", "PReLU with num_parameters does not fit stages of different channel counts")
        }
    }
}

/// A residual encoder that is deeper than its decoder, with MONAI's parameter names.
public struct SegResNet: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: SegResNetOptions
    private let first: Conv3d
    private let down: [SegResNetDown]
    private let up: [SegResNetUp]
    private let norm: Norm
    private let activation: ActivationLayer
    private let head: Conv3d
    private let dropout: Dropout?

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: SegResNetOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        let filters = options.filters
        activation = try ActivationLayer(store.scope("act_mod"), options.activation)
        first = try Conv3d(
            store.scope("convInit").scope("conv"), inputs: options.inputChannels, outputs: filters,
            .same(kernel: 3, stride: 1), bias: false)
        down = try options.blocksDown.enumerated().map { level, count in
            try SegResNetDown(
                store.scope("down_layers").scope("\(level)"), channels: filters << level, blocks: count,
                halves: level > 0, options)
        }
        let levels = options.blocksUp.count
        let rows = try options.blocksUp.enumerated().map { index, count in
            try (0..<count).map {
                try SegResNetBlock(
                    store.scope("up_layers").scope("\(index)").scope("\($0)"),
                    channels: filters << (levels - 1 - index), options)
            }
        }
        up = try rows.enumerated().map { index, blocks in
            try SegResNetUp(
                store.scope("up_samples").scope("\(index)"), inputs: filters << (levels - index), blocks: blocks,
                options)
        }
        let final = store.scope("conv_final")
        norm = try Norm(final.scope("0"), channels: filters, options.norm)
        store.alias("conv_final.1", of: "act_mod")
        head = try Conv3d(
            final.scope("2").scope("conv"), inputs: filters, outputs: options.outputChannels,
            .same(kernel: 1, stride: 1), bias: true)
        dropout = Dropout(store, options.dropout, .channel)
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// Each encoder stage except the first halves the size.
    public var sizeDivisor: Triple { Triple(1 << (options.blocksDown.count - 1)) }
    /// The probability of the network's only dropout.
    public var dropoutProbability: Float { options.dropout }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try self(fromDropout: beforeDropout(x, in: context), in: context)
    }

    /// Computes the first convolution; the network's only dropout comes right after it.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        try checkInput(x, "SegResNet")
        return [try first(x, in: context)]
    }

    /// **Shapes**: result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if `kept` does not fit; `BackendError` from the backend.
    public func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        var y = try dropout(kept[0], in: context)
        kept = []
        var skips: [Tensor] = []
        for stage in down {
            y = try context.recomputing([y]) { try stage($0[0], in: $1) }
            skips.append(y)
        }
        skips.removeLast()
        for stage in up {
            y = try context.recomputing([y, skips.removeLast()]) { try stage($0[0], skip: $0[1], in: $1) }
        }
        return try head(norm(y, then: activation, consumesInput: false, in: context), in: context)
    }
}
