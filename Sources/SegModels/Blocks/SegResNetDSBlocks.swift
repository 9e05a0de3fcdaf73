internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

extension Conv3dParams {
    /// Returns the parameters of a stage's convolutions: the kernel is 3 along axes where `scale` is above 1, else 1.
    static func beforeStride(_ scale: Triple, stride: Triple) -> Conv3dParams {
        let kernel = Triple(scale.array.map { $0 > 1 ? 3 : 1 })
        return Conv3dParams(
            kernel: kernel, stride: stride, padding: kernel.zip(Triple(2), /), dilation: Triple(1), groups: 1)
    }
}

/// Norm, activation and convolution, twice, plus the input: `monai.networks.nets.segresnet_ds.SegResBlock`.
struct SegResNetDSBlock {
    private let norm1: Norm
    private let norm2: Norm
    private let conv1: Conv3d
    private let conv2: Conv3d
    private let act1: ActivationLayer
    private let act2: ActivationLayer

    /// Registers `norm1`, `act1`, `conv1`, `norm2`, `act2` and `conv2`.
    init(_ store: ParameterStore, channels: Int, stride: Triple, _ options: SegResNetDSOptions) throws {
        let params = Conv3dParams.beforeStride(stride, stride: Triple(1))
        norm1 = try Norm(store.scope("norm1"), channels: channels, options.norm)
        act1 = try ActivationLayer(store.scope("act1"), options.activation)
        conv1 = try Conv3d(store.scope("conv1"), inputs: channels, outputs: channels, params, bias: false)
        norm2 = try Norm(store.scope("norm2"), channels: channels, options.norm)
        act2 = try ActivationLayer(store.scope("act2"), options.activation)
        conv2 = try Conv3d(store.scope("conv2"), inputs: channels, outputs: channels, params, bias: false)
    }

    /// **Shapes**: x and result `[N, D, H, W, channels]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let y = try conv1(norm1(x, then: act1, consumesInput: false, in: context), in: context)
        return try add(conv2(norm2(y, then: act2, in: context), in: context), x)
    }
}

/// An encoder stage: blocks, then a strided convolution except in the last stage.
struct SegResNetDSDown {
    private let rows: [SegResNetDSBlock]
    private let conv: Conv3d?

    /// Registers `blocks.0`, … and `downsample`.
    init(
        _ store: ParameterStore, channels: Int, blocks count: Int, stride: Triple, isLast: Bool,
        _ options: SegResNetDSOptions
    ) throws {
        rows = try (0..<count).map {
            try SegResNetDSBlock(store.scope("blocks").scope("\($0)"), channels: channels, stride: stride, options)
        }
        conv =
            isLast
            ? nil
            : try Conv3d(
                store.scope("downsample"), inputs: channels, outputs: 2 * channels,
                .beforeStride(stride, stride: stride), bias: false)
    }

    /// **Shapes**: x and result `[N, D, H, W, channels]`.
    func blocks(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try rows.reduce(x) { try $1($0, in: context) }
    }

    /// **Shapes**: x `[N, D, H, W, channels]`, result `[N, D / stride, …, 2 · channels]`; nil for the last stage.
    func downsample(_ x: Tensor, in context: ForwardContext) throws -> Tensor? {
        try conv.map { try $0(x, in: context) }
    }
}

/// A decoder stage: halves the channels, multiplies the size by the stride, adds the skip, then applies blocks; it may
/// have a head.
struct SegResNetDSUp {
    private enum Enlargement {
        case transposed(ConvTranspose3d)
        case interpolated(Conv3d)
    }

    private let enlargement: Enlargement
    private let blocks: [SegResNetDSBlock]
    private let head: Conv3d?

    /// Registers `upsample`, `blocks.0`, … and, if the stage has one, `head`.
    init(
        _ store: ParameterStore, outputs: Int, blocks count: Int, stride: Triple, hasHead: Bool,
        _ options: SegResNetDSOptions
    ) throws {
        let upsample = store.scope("upsample")
        switch options.upsampling {
        case .deconv:
            let params = Conv3dParams.beforeStride(stride, stride: stride)
            enlargement = .transposed(
                try ConvTranspose3d(
                    upsample.scope("deconv"), inputs: 2 * outputs, outputs: outputs, params,
                    outputPadding: stride.zip(Triple(1), -), bias: false))
        case .nontrainable:
            enlargement = .interpolated(
                try Conv3d(
                    upsample.scope("preconv"), inputs: 2 * outputs, outputs: outputs, .same(kernel: 1, stride: 1),
                    bias: false))
        }
        blocks = try (0..<count).map {
            try SegResNetDSBlock(store.scope("blocks").scope("\($0)"), channels: outputs, stride: stride, options)
        }
        head =
            hasHead
            ? try Conv3d(
                store.scope("head"), inputs: outputs, outputs: options.outputChannels, .same(kernel: 1, stride: 1),
                bias: true) : nil
    }

    /// **Shapes**: x `[N, D, H, W, 2 · outputs]`, skip and result `[N, D · stride, …, outputs]`.
    func callAsFunction(_ x: Tensor, skip: Tensor, in context: ForwardContext) throws -> Tensor {
        let wide: Tensor
        switch enlargement {
        case .transposed(let conv): wide = try conv(x, in: context)
        case .interpolated(let conv):
            wide = try resample3d(
                conv(x, in: context), to: skip.shape.size, Resample3dParams(mode: .trilinear, alignCorners: false))
        }
        return try blocks.reduce(add(wide, skip)) { try $1($0, in: context) }
    }

    /// Computes the logits from the stage's output; nil without a head.
    func output(_ y: Tensor, in context: ForwardContext) throws -> Tensor? { try head.map { try $0(y, in: context) } }
}

/// The encoder, `monai.networks.nets.segresnet_ds.SegResEncoder`.
struct SegResNetDSEncoder {
    private let first: Conv3d
    private let down: [SegResNetDSDown]

    /// Registers `conv_init` and `layers.0`, ….
    init(_ store: ParameterStore, _ options: SegResNetDSOptions) throws {
        first = try Conv3d(
            store.scope("conv_init"), inputs: options.inputChannels, outputs: options.filters,
            .beforeStride(options.strides[0], stride: Triple(1)), bias: false)
        let last = options.blocksDown.count - 1
        down = try options.blocksDown.enumerated().map { level, count in
            try SegResNetDSDown(
                store.scope("layers").scope("\(level)"), channels: options.filters << level, blocks: count,
                stride: options.strides[level], isLast: level == last, options)
        }
    }

    /// Computes the outputs of all stages, the finest first.
    ///
    /// **Shapes**: x `[N, D, H, W, in]`, results `[N, D / strides, …, filters · 2^level]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> [Tensor] {
        var y = try first(x, in: context)
        var outputs: [Tensor] = []
        for stage in down {
            y = try context.recomputing([y]) { try stage.blocks($0[0], in: $1) }
            outputs.append(y)
            guard let smaller = try stage.downsample(y, in: context) else { break }
            y = smaller
        }
        return outputs
    }
}

/// A decoder, coarsest stage first: the `up_layers` of `SegResNetDS`.
struct SegResNetDSDecoder {
    private let up: [SegResNetDSUp]

    /// Registers the stages `0`, ….
    init(_ store: ParameterStore, _ options: SegResNetDSOptions) throws {
        let last = options.blocksDown.count - 1
        up = try options.blocksUp.enumerated().map { index, count in
            let level = last - 1 - index
            return try SegResNetDSUp(
                store.scope("\(index)"), outputs: options.filters << level, blocks: count,
                stride: options.strides[level], hasHead: level < options.headCount, options)
        }
    }

    /// Computes the outputs of the finest stages' heads, the finest first.
    /// - Parameter features: The encoder's outputs, finest first.
    func callAsFunction(
        _ features: consuming [Tensor], heads: Int, in context: ForwardContext
    ) throws -> [Tensor] {
        var skips = features
        var y = skips.removeLast()
        var outputs: [Tensor] = []
        for (index, stage) in up.enumerated() {
            y = try context.recomputing([y, skips.removeLast()]) { try stage($0[0], skip: $0[1], in: $1) }
            if up.count - index <= heads, let output = try stage.output(y, in: context) { outputs.append(output) }
        }
        return outputs.reversed()
    }
}
