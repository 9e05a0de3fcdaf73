// Milletari et al. 2016, "V-Net"; MONAI's `monai.networks.nets.VNet`.
//
// Shapes with a 96³ input; "5³" is a convolution with batch norm and activation, n of them in a row:
//   in_tr        96³ ×   1 → 5³ → 96³ ×  16, plus the input repeated 16 times
//   down_tr32    96³ ×  16 → 48³ ×  32, 1 × 5³     up_tr32   48³ ×  64 → 96³ × 16, with in_tr:      96³ ×  32, 1 × 5³
//   down_tr64    48³ ×  32 → 24³ ×  64, 2 × 5³     up_tr64   24³ × 128 → 48³ × 32, with down_tr32:  48³ ×  64, 1 × 5³
//   down_tr128   24³ ×  64 → 12³ × 128, 3 × 5³     up_tr128  12³ × 256 → 24³ × 64, with down_tr64:  24³ × 128, 2 × 5³
//   down_tr256   12³ × 128 →  6³ × 256, 2 × 5³     up_tr256   6³ × 256 → 12³ × 128, with down_tr128: 12³ × 256, 2 × 5³
//   out_tr       96³ ×  32 → 5³ → 96³ × classes → 1³ → 96³ × classes
//
// As in MONAI, the dropout of the skips into up_tr64 and up_tr32 is always 0.5, and `bias` does not apply to the decoder: its
// transposed convolutions always have a bias, its 5³ convolutions never.
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `monai.networks.nets.VNet`.
public struct VNetOptions: Hashable, Sendable {
    /// The number of input channels, a divisor of 16.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The dropout probability in down_tr128 and down_tr256.
    public var dropoutDown: Float
    /// The dropout probabilities in up_tr256 and up_tr128: of the coarser input and of the skip.
    public var dropoutUp: [Float]
    /// Whether dropout removes whole channels.
    public var dropsChannels: Bool
    /// Whether the convolutions of in_tr, the encoder stages and out_tr have a bias.
    public var bias: Bool
    var activation: BlockOptions.ActivationOption
    /// Whether the activation has one slope per channel: true for `act: "prelu"` without arguments.
    var hasSlopePerChannel: Bool

    /// Reads MONAI's arguments.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ reader: ConfigReader) throws {
        reader.ignore("_target_")
        try reader.requireThreeDimensions("spatial_dims")
        inputChannels = try reader.positive("in_channels") ?? 1
        outputChannels = try reader.positive("out_channels") ?? 1
        guard 16 % inputChannels == 0 else {
            throw reader.error("in_channels", "should divide 16, not be \(inputChannels)")
        }
        let isPReLU = reader.value("act").map { $0 == .string("prelu") } ?? false
        activation = try BlockOptions.activation(reader, "act", default: "elu")
        hasSlopePerChannel = isPReLU
        guard activation.slopeCount == 1 else {
            throw reader.error(
                "act",
                "PReLU with num_parameters does not fit stages of different channel counts; \"prelu\" alone has a "
                    + "slope for each channel")
        }
        try reader.refuse("dropout_prob")
        // Null means no dropout.
        dropoutDown = try reader.probability("dropout_prob_down") ?? (reader.isNull("dropout_prob_down") ? 0 : 0.5)
        dropoutUp = try Self.pair(reader, "dropout_prob_up") ?? [0.5, 0.5]
        let dimensions = try reader.int("dropout_dim") ?? 3
        guard (1...3).contains(dimensions) else {
            throw reader.error("dropout_dim", "should be 1, 2 or 3, not \(dimensions)")
        }
        dropsChannels = dimensions > 1
        bias = try reader.bool("bias") ?? false
        try reader.finish()
    }

    private static func pair(_ reader: ConfigReader, _ key: String) throws -> [Float]? {
        guard let value = reader.value(key) else { return nil }
        guard case .array(let items) = value, items.count == 2 else {
            throw reader.error(key, "should be two probabilities, not \(value)")
        }
        return try items.map { item in
            let number = item == .null ? 0 : item.number
            guard let probability = number.flatMap(ConfigReader.probability(of:)) else {
                throw reader.error(key, "should be two probabilities of at least 0 and below 1, not \(value)")
            }
            return probability
        }
    }

    /// Returns the activation of a layer with this number of channels.
    func activation(channels: Int) -> BlockOptions.ActivationOption {
        var option = activation
        if hasSlopePerChannel { option.slopeCount = channels }
        return option
    }

    var dropoutUnit: Dropout.Unit { dropsChannels ? .channel : .element }
}

/// A fully convolutional network with residual stages of 5³ kernels, with MONAI's parameter names.
public struct VNet: Network {
    /// The network's parameters.
    public let store: ParameterStore
    private let options: VNetOptions
    private let input: VNetInput
    private let down: [VNetDown]
    private let up: [VNetUp]
    private let output: VNetOutput

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: VNetOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        input = try VNetInput(store.scope("in_tr"), outputs: 16, options)
        let drop = options.dropoutDown
        let downs: [(convolutions: Int, dropout: Float)] = [(1, 0), (2, 0), (3, drop), (2, drop)]
        down = try downs.enumerated().map { level, stage in
            let inputs = 16 << level
            return try VNetDown(
                store.scope("down_tr\(2 * inputs)"), inputs: inputs, convolutions: stage.convolutions,
                dropout: stage.dropout, options)
        }
        let fixed: [Float] = [0, 0.5]
        let ups: [(inputs: Int, outputs: Int, convolutions: Int, dropout: [Float])] = [
            (256, 256, 2, options.dropoutUp), (256, 128, 2, options.dropoutUp), (128, 64, 1, fixed), (64, 32, 1, fixed),
        ]
        up = try ups.map { stage in
            try VNetUp(
                store.scope("up_tr\(stage.outputs)"), inputs: stage.inputs, outputs: stage.outputs,
                convolutions: stage.convolutions, dropout: stage.dropout, options)
        }
        output = try VNetOutput(store.scope("out_tr"), inputs: 32, options)
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// 16, because four stages have stride 2.
    public var sizeDivisor: Triple { Triple(16) }
    /// The largest dropout probability, at least the 0.5 of up_tr64 and up_tr32.
    public var dropoutProbability: Float { max(0.5, options.dropoutDown, options.dropoutUp[0], options.dropoutUp[1]) }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try self(fromDropout: beforeDropout(x, in: context), in: context)
    }

    /// The number of encoder stages before the first dropout: two, or all.
    private var steadyStages: Int { options.dropoutDown > 0 ? 2 : down.count }

    /// Computes the input stage and the encoder stages before the first dropout.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func beforeDropout(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        try checkInput(x, "VNet")
        var skips = [try context.recomputing([x]) { [input] in try input($0[0], in: $1) }]
        try descend(down[..<steadyStages], &skips, in: context)
        return skips
    }

    /// Runs encoder stages from the last of the skips on, adding each stage's output to the skips.
    private func descend(_ stages: ArraySlice<VNetDown>, _ skips: inout [Tensor], in context: ForwardContext) throws {
        for stage in stages {
            skips.append(try context.recomputing([skips[skips.count - 1]]) { try stage($0[0], in: $1) })
        }
    }

    /// **Shapes**: result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if `kept` does not fit; `BackendError` from the backend.
    public func callAsFunction(fromDropout kept: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        var skips = kept
        try descend(down[steadyStages...], &skips, in: context)
        var y = skips.removeLast()
        for stage in up {
            y = try context.recomputing([consume y, skips.removeLast()]) { try stage($0, in: $1) }
        }
        return try context.recomputing([y]) { [output] in try output($0[0], in: $1) }
    }
}
