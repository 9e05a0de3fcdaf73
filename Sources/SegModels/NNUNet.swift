// Isensee et al. 2021, "nnU-Net", and 2024, "nnU-Net revisited": the networks of `dynamic_network_architectures`, which
// nnU-Net plans and trains, with its parameter names.
//
// Shapes of the usual plan for windows of 128³ (features 32, 64, 128, 256, 320, 320, all kernels 3³, strides 1 then 2):
//   encoder.stages.0  128³ ×   1 → 128³ ×  32     decoder.transpconvs.4   64³ ×  64 → 128³ ×  32
//   encoder.stages.1  128³ ×  32 →  64³ ×  64     decoder.stages.4       128³ ×  64 → 128³ ×  32  (up first, skip second)
//   …                                             …
//   encoder.stages.5    8³ × 320 →   4³ × 320     decoder.seg_layers.4   128³ ×  32 → 128³ × classes
// ResidualEncoderUNet has a stem of one convolution and residual blocks in the encoder, ResidualUNet in the decoder too.
// A 2-D image is a volume of one slice; the kernels and strides of its network are 1 along the first axis.
internal import SegBackend
public import SegCore
public import SegNN
public import SegTensor

/// Arguments of `dynamic_network_architectures.architectures.unet.PlainConvUNet`, `ResidualEncoderUNet` and
/// `ResidualUNet`.
public struct NNUNetOptions: Hashable, Sendable {
    /// The type of the stages' blocks.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// Convolutions everywhere.
        case plain = "PlainConvUNet"
        /// Residual blocks in the encoder.
        case residualEncoder = "ResidualEncoderUNet"
        /// Residual blocks in the encoder and the decoder.
        case residual = "ResidualUNet"
    }

    /// The type of the stages' blocks.
    public var kind: Kind
    /// The number of input channels.
    public var inputChannels: Int
    /// The number of classes.
    public var outputChannels: Int
    /// The number of channels of each stage.
    public var features: [Int]
    /// The kernel size of each stage.
    public var kernels: [Triple]
    /// The stride into each stage.
    public var strides: [Triple]
    /// The number of convolutions, or of residual blocks, of each encoder stage.
    public var encoderBlocks: [Int]
    /// The number of convolutions, or of residual blocks, of each decoder stage, coarsest first.
    public var decoderBlocks: [Int]
    /// Whether each decoder stage has an output in training.
    public var deepSupervision: Bool
    var block: NNUNetBlockOptions

    /// Reads the `arch_kwargs` of a plan, to which `input_channels` and `num_classes` have been added.
    /// - Throws: `DataError` naming an argument that is unknown, missing or not supported.
    public init(_ kind: Kind, _ reader: ConfigReader) throws {
        reader.ignore("_target_")
        self.kind = kind
        inputChannels = try reader.required("input_channels", reader.positive("input_channels"))
        outputChannels = try reader.required("num_classes", reader.positive("num_classes"))
        let stages = try reader.required("n_stages", reader.positive("n_stages"))
        guard (2...16).contains(stages) else { throw reader.error("n_stages", "should be from 2 to 16, not \(stages)") }
        features = try reader.perStage("features_per_stage", stages) { try $0.channels($1) }
        kernels = try reader.perStage("kernel_sizes", stages) { try $0.triples($1) }
        strides = try reader.perStage("strides", stages) { try $0.triples($1) }
        let encoderKey = kind == .plain ? "n_conv_per_stage" : "n_blocks_per_stage"
        encoderBlocks = try reader.perStage(encoderKey, stages) { try $0.blocks($1) }
        decoderBlocks = try reader.perStage("n_conv_per_stage_decoder", stages - 1) { try $0.blocks($1) }
        deepSupervision = try reader.bool("deep_supervision") ?? false
        block = NNUNetBlockOptions(
            bias: try reader.bool("conv_bias") ?? false, norm: try reader.norm(), activation: try reader.nonlinearity(),
            dropout: try reader.dropout())
        try reader.expect("nonlin_first", false)
        try reader.expectThreeDimensions()
        try reader.finish()
        try validate(reader)
    }

    private func validate(_ reader: ConfigReader) throws {
        for (kernel, stride) in zip(kernels, strides) where !kernel.array.allSatisfy({ $0 % 2 == 1 }) {
            throw reader.error("kernel_sizes", "should be odd along each axis, not \(kernel) at stride \(stride)")
        }
        guard strides[0] == Triple(1) else {
            throw reader.error(
                "strides", "should begin with 1, not \(strides[0]): the output would be smaller than the input")
        }
        try reader.check(strides: strides, "strides")
        if let slopes = block.activation?.slopeCount, slopes != 1 {
            throw reader.error("nonlin", "PReLU with num_parameters does not fit stages of different channel counts")
        }
    }
}

/// nnU-Net's U-Net, with a kernel size and a stride per stage.
public struct NNUNet: Network {
    /// A decoder stage.
    private struct Up {
        let transposed: ConvTranspose3d
        let stage: NNUNetStack
        let head: Conv3d
    }

    /// The network's parameters.
    public let store: ParameterStore
    private let options: NNUNetOptions
    private let stem: NNUNetStack?
    private let down: [NNUNetStack]
    /// The decoder stages, coarsest first.
    private let up: [Up]

    /// Builds the network and registers its parameters in the store.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ options: NNUNetOptions, _ store: ParameterStore) throws {
        self.store = store
        self.options = options
        let (features, isPlain) = (options.features, options.kind == .plain)
        let encoder = store.scope("encoder")
        stem =
            isPlain
            ? nil
            : try NNUNetStack(
                encoder.scope("stem"), inputs: options.inputChannels, outputs: features[0], count: 1,
                isResidual: false, BlockGeometry(kernel: options.kernels[0], stride: Triple(1)), options.block)
        let first = isPlain ? options.inputChannels : features[0]
        down = try features.indices.map { level in
            let scope = encoder.scope("stages").scope("\(level)")
            let inputs = level == 0 ? first : features[level - 1]
            let geometry = BlockGeometry(kernel: options.kernels[level], stride: options.strides[level])
            let count = options.encoderBlocks[level]
            // In PyTorch a stack of convolutions is the only entry of a Sequential.
            return try NNUNetStack(
                isPlain ? scope.scope("0") : scope, inputs: inputs, outputs: features[level], count: count,
                isResidual: !isPlain, geometry, options.block)
        }
        let decoder = store.scope("decoder")
        let levels = (0..<features.count - 1).map { features.count - 2 - $0 }
        // The registration is in PyTorch's order, which is not the order of the forward pass.
        let stages = try levels.enumerated().map { index, level in
            try Self.stage(decoder.scope("stages").scope("\(index)"), level, options)
        }
        let transposed = try levels.enumerated().map { index, level in
            try Self.transposed(decoder.scope("transpconvs").scope("\(index)"), level, options)
        }
        let heads = try levels.enumerated().map { index, level in
            try Self.head(decoder.scope("seg_layers").scope("\(index)"), level, options)
        }
        up = levels.indices.map { Up(transposed: transposed[$0], stage: stages[$0], head: heads[$0]) }
    }

    /// Builds the decoder stage of a level.
    private static func stage(
        _ store: ParameterStore, _ level: Int, _ options: NNUNetOptions
    ) throws -> NNUNetStack {
        let geometry = BlockGeometry(kernel: options.kernels[level], stride: Triple(1))
        let outputs = options.features[level]
        let count = options.decoderBlocks[options.features.count - 2 - level]
        return try NNUNetStack(
            store, inputs: 2 * outputs, outputs: outputs, count: count, isResidual: options.kind == .residual, geometry,
            options.block)
    }

    private static func transposed(
        _ store: ParameterStore, _ level: Int, _ options: NNUNetOptions
    ) throws -> ConvTranspose3d {
        let (outputs, stride) = (options.features[level], options.strides[level + 1])
        return try ConvTranspose3d(
            store, inputs: options.features[level + 1], outputs: outputs,
            Conv3dParams(kernel: stride, stride: stride, padding: Triple(0), dilation: Triple(1), groups: 1),
            outputPadding: Triple(0), bias: options.block.bias,
            initial: .kaimingNormal(fanIn: outputs * stride.count, slope: 0.01))
    }

    private static func head(_ store: ParameterStore, _ level: Int, _ options: NNUNetOptions) throws -> Conv3d {
        let inputs = options.features[level]
        return try Conv3d(
            store, inputs: inputs, outputs: options.outputChannels,
            Conv3dParams(kernel: Triple(1), stride: Triple(1), padding: Triple(0), dilation: Triple(1), groups: 1),
            bias: true, initial: .kaimingNormal(fanIn: inputs, slope: 0.01))
    }

    /// The number of input channels.
    public var inputChannels: Int { options.inputChannels }
    /// The number of classes.
    public var outputChannels: Int { options.outputChannels }
    /// The product of the strides along each axis.
    public var sizeDivisor: Triple { options.strides.reduce(Triple(1)) { $0.zip($1, *) } }
    /// The probability of every dropout of the network.
    public var dropoutProbability: Float { options.block.dropout }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D, H, W, out]`.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try outputs(x, heads: 1, in: context)[0]
    }

    /// Computes the output and, in training with deep supervision, the outputs of all coarser stages at their own
    /// sizes, as nnU-Net does.
    ///
    /// **Shapes**: x `[N, D, H, W, in]`, results `[N, D', H', W', out]`, the finest first.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
    public func supervisedOutputs(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        let isDeep = context.mode == .training && options.deepSupervision
        return try outputs(x, heads: isDeep ? up.count : 1, in: context)
    }

    private func outputs(_ x: Tensor, heads: Int, in context: ForwardContext) throws -> [Tensor] {
        try checkInput(x, options.kind.rawValue)
        var y = try stem?(x, in: context) ?? x
        var skips: [Tensor] = []
        for stage in down {
            y = try context.recomputing([y]) { try stage($0[0], in: $1) }
            skips.append(y)
        }
        skips.removeLast()
        var outputs: [Tensor] = []
        for (index, part) in up.enumerated() {
            y = try context.recomputing([y, skips.removeLast()]) { inputs, context in
                try part.stage(concatenate([part.transposed(inputs[0], in: context), inputs[1]]), in: context)
            }
            if up.count - index <= heads { outputs.append(try part.head(y, in: context)) }
        }
        return outputs.reversed()
    }
}

extension ConfigReader {
    /// Reads a list with one entry per stage, or one entry for all stages.
    fileprivate func perStage<Item>(
        _ key: String, _ stages: Int, _ read: (ConfigReader, String) throws -> [Item]?
    ) throws -> [Item] {
        var reader = self
        let isOne = value(key)?.number != nil
        if let one = value(key), isOne { reader = try ConfigReader([key: .array([one])], path: path, source: source) }
        let items = try required(key, read(reader, key))
        if isOne { return [Item](repeating: items[0], count: stages) }
        guard items.count == stages else {
            throw error(key, "should have \(stages) entries, one per stage, not \(items.count)")
        }
        return items
    }

    /// Reads the last part of a dotted Python name; nil if the key is absent or null.
    private func className(_ key: String) throws -> String? {
        try string(key).map { String($0.split(separator: ".").last ?? "") }
    }

    private func arguments(_ key: String) throws -> ConfigReader {
        try object(key) ?? ConfigReader([:], path: "\(path).\(key)", source: source)
    }

    /// Reads `norm_op` and `norm_op_kwargs`.
    fileprivate func norm() throws -> BlockOptions.NormOption? {
        let (name, arguments) = (try className("norm_op"), try arguments("norm_op_kwargs"))
        let epsilon = Float(try arguments.double("eps") ?? 1e-5)
        let affine = try arguments.bool("affine")
        switch name {
        case nil: return nil
        case "InstanceNorm3d", "InstanceNorm2d":
            try arguments.expect("track_running_stats", false)
            try arguments.finish()
            return BlockOptions.NormOption(
                params: NormParams(kind: .instance, epsilon: epsilon), affine: affine ?? false, momentum: 0)
        case "BatchNorm3d", "BatchNorm2d":
            let momentum = Float(try arguments.double("momentum") ?? 0.1)
            try arguments.expect("track_running_stats", true)
            try arguments.finish()
            return BlockOptions.NormOption(
                params: NormParams(kind: .batch, epsilon: epsilon), affine: affine ?? true, momentum: momentum)
        case let name?:
            throw error("norm_op", "'\(name)' is not supported; supported: InstanceNorm3d, BatchNorm3d")
        }
    }

    /// Reads `nonlin` and `nonlin_kwargs`.
    fileprivate func nonlinearity() throws -> BlockOptions.ActivationOption? {
        let (name, arguments) = (try className("nonlin"), try arguments("nonlin_kwargs"))
        arguments.ignore("inplace")
        let option: BlockOptions.ActivationOption?
        switch name {
        case nil: option = nil
        case "LeakyReLU":
            option = .init(activation: .leakyReLU(slope: Float(try arguments.double("negative_slope") ?? 0.01)))
        case "ReLU": option = .init(activation: .relu)
        case let name?: throw error("nonlin", "'\(name)' is not supported; supported: LeakyReLU, ReLU")
        }
        try arguments.finish()
        return option
    }

    /// Reads `dropout_op` and `dropout_op_kwargs`.
    fileprivate func dropout() throws -> Float {
        let (name, arguments) = (try className("dropout_op"), try arguments("dropout_op_kwargs"))
        arguments.ignore("inplace")
        guard let name else { return 0 }
        guard ["Dropout3d", "Dropout2d"].contains(name) else {
            throw error("dropout_op", "'\(name)' is not supported; supported: Dropout3d")
        }
        let probability = try arguments.probability("p") ?? 0.5
        try arguments.finish()
        return probability
    }

    /// Checks that `conv_op` is `Conv3d` or absent.
    fileprivate func expectThreeDimensions() throws {
        guard let name = try className("conv_op"), name != "Conv3d" else { return }
        throw error(
            "conv_op", "'\(name)' is not supported; write a 2-D network as a 3-D one with kernels of 1×k×k")
    }
}
