internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

/// Norm, activation and convolution, twice, plus the input: `monai.networks.blocks.ResBlock`.
struct SegResNetBlock {
    private let norm1: Norm
    private let norm2: Norm
    private let conv1: Conv3d
    private let conv2: Conv3d
    private let activation: ActivationLayer

    /// Registers `norm1`, `norm2`, `act`, `conv1` and `conv2`.
    init(_ store: ParameterStore, channels: Int, _ options: SegResNetOptions) throws {
        norm1 = try Norm(store.scope("norm1"), channels: channels, options.norm)
        norm2 = try Norm(store.scope("norm2"), channels: channels, options.norm)
        activation = try ActivationLayer(store.scope("act"), options.activation)
        func conv(_ name: String) throws -> Conv3d {
            try Conv3d(
                store.scope(name).scope("conv"), inputs: channels, outputs: channels, .same(kernel: 3, stride: 1),
                bias: false)
        }
        conv1 = try conv("conv1")
        conv2 = try conv("conv2")
    }

    /// **Shapes**: x and result `[N, D, H, W, channels]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let y = try conv1(norm1(x, then: activation, consumesInput: false, in: context), in: context)
        return try add(conv2(norm2(y, then: activation, in: context), in: context), x)
    }
}

/// An encoder stage: a convolution of stride 2 except in the first stage, then blocks.
struct SegResNetDown {
    private let conv: Conv3d?
    private let blocks: [SegResNetBlock]

    /// Registers `0` and `1`, `2`, ….
    init(
        _ store: ParameterStore, channels: Int, blocks count: Int, halves: Bool, _ options: SegResNetOptions
    ) throws {
        conv =
            halves
            ? try Conv3d(
                store.scope("0").scope("conv"), inputs: channels / 2, outputs: channels, .same(kernel: 3, stride: 2),
                bias: false) : nil
        blocks = try (0..<count).map {
            try SegResNetBlock(store.scope("\($0 + 1)"), channels: channels, options)
        }
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try blocks.reduce(conv.map { try $0(x, in: context) } ?? x) { try $1($0, in: context) }
    }
}

/// A decoder stage: halves the channels, doubles the size, adds the skip, then applies blocks.
struct SegResNetUp {
    private let conv: Conv3d
    private let transposed: ConvTranspose3d?
    private let blocks: [SegResNetBlock]

    /// Registers `0` and, for transposed convolutions, `1`.
    init(
        _ store: ParameterStore, inputs: Int, blocks: [SegResNetBlock], _ options: SegResNetOptions
    ) throws {
        conv = try Conv3d(
            store.scope("0").scope("conv"), inputs: inputs, outputs: inputs / 2, .same(kernel: 1, stride: 1),
            bias: false)
        let doubling = Conv3dParams(
            kernel: Triple(2), stride: Triple(2), padding: Triple(0), dilation: Triple(1), groups: 1)
        transposed =
            options.hasTransposedConvolutions
            ? try ConvTranspose3d(
                store.scope("1").scope("deconv"), inputs: inputs / 2, outputs: inputs / 2, doubling,
                outputPadding: Triple(0), bias: true) : nil
        self.blocks = blocks
    }

    /// **Shapes**: x `[N, D, H, W, in]`, skip and result `[N, 2D, 2H, 2W, in / 2]`.
    func callAsFunction(_ x: Tensor, skip: Tensor, in context: ForwardContext) throws -> Tensor {
        let narrow = try conv(x, in: context)
        let wide =
            try transposed.map { try $0(narrow, in: context) }
            ?? resample3d(narrow, to: skip.shape.size, Resample3dParams(mode: .trilinear, alignCorners: false))
        return try blocks.reduce(add(wide, skip)) { try $1($0, in: context) }
    }
}
