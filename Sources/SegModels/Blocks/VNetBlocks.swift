internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

private let batchNorm = BlockOptions.NormOption.batch()

private func geometry(kernel: Int, stride: Int, padding: Int) -> Conv3dParams {
    Conv3dParams(
        kernel: Triple(kernel), stride: Triple(stride), padding: Triple(padding), dilation: Triple(1), groups: 1)
}

/// A 5³ convolution followed by batch norm, MONAI's `conv_block`.
private struct NormedConvolution {
    private let conv: Conv3d
    private let norm: Norm

    init(_ store: ParameterStore, inputs: Int, outputs: Int, bias: Bool) throws {
        conv = try Conv3d(
            store.scope("conv"), inputs: inputs, outputs: outputs, geometry(kernel: 5, stride: 1, padding: 2),
            bias: bias)
        norm = try Norm(store.scope("adn").scope("N"), channels: outputs, batchNorm)
    }

    func callAsFunction(_ x: Tensor, followers: NormFollowers, in context: ForwardContext) throws -> Tensor {
        try norm(conv(x, in: context), followers: followers, in: context)
    }
}

/// The sequence of 5³ convolutions of a stage, `ops`.
private struct ConvolutionRow {
    private let layers: [(conv: NormedConvolution, activation: ActivationLayer)]

    init(_ store: ParameterStore, channels: Int, count: Int, bias: Bool, _ options: VNetOptions) throws {
        layers = try (0..<count).map { index in
            let scope = store.scope("ops").scope("\(index)")
            let activation = try ActivationLayer(
                scope.scope("act_function"), options.activation(channels: channels))
            return (
                try NormedConvolution(scope.scope("conv_block"), inputs: channels, outputs: channels, bias: bias),
                activation
            )
        }
    }

    /// Adds `residual` to the output of the last convolution in the same pass; nothing may read `residual` afterwards.
    func callAsFunction(_ x: Tensor, residual: Tensor, in context: ForwardContext) throws -> Tensor {
        var y = x
        for (index, layer) in layers.enumerated() {
            var followers = layer.activation.followers(in: context)
            if index == layers.count - 1 {
                followers.residualAfter = residual
                followers.consumesResidual = true
            }
            y = try layer.conv(y, followers: followers, in: context)
        }
        return y
    }
}

/// The first stage, `InputTransition`: act(bn(conv(x)) + x repeated along the channels).
struct VNetInput {
    private let conv: NormedConvolution
    private let activation: ActivationLayer
    /// The matrix `[out, in]` with one 1 per row that repeats the input's channels.
    private let repeating: Tensor

    init(_ store: ParameterStore, outputs: Int, _ options: VNetOptions) throws {
        activation = try ActivationLayer(store.scope("act_function"), options.activation(channels: outputs))
        let inputs = options.inputChannels
        conv = try NormedConvolution(
            store.scope("conv_block"), inputs: inputs, outputs: outputs, bias: options.bias)
        let ones = (0..<outputs * inputs).map { Float($0 / inputs % inputs == $0 % inputs ? 1 : 0) }
        repeating = try Tensor(ones, shape: [outputs, inputs], on: store.backend)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        var followers = activation.followers(in: context)
        let repeated = { [repeating] in try linear(x, weight: repeating, bias: nil) }
        followers.residualBefore = x.isTracked ? try repeated() : try .remade(repeated)
        return try conv(x, followers: followers, in: context)
    }
}

/// An encoder stage, `DownTransition`.
struct VNetDown {
    private let conv: Conv3d
    private let norm: Norm
    private let first: ActivationLayer
    private let last: ActivationLayer
    private let row: ConvolutionRow
    private let dropout: Dropout?

    init(
        _ store: ParameterStore, inputs: Int, convolutions: Int, dropout probability: Float, _ options: VNetOptions
    ) throws {
        let outputs = 2 * inputs
        conv = try Conv3d(
            store.scope("down_conv"), inputs: inputs, outputs: outputs, geometry(kernel: 2, stride: 2, padding: 0),
            bias: options.bias)
        norm = try Norm(store.scope("bn1"), channels: outputs, batchNorm)
        let option = options.activation(channels: outputs)
        first = try ActivationLayer(store.scope("act_function1"), option)
        last = try ActivationLayer(store.scope("act_function2"), option)
        row = try ConvolutionRow(store, channels: outputs, count: convolutions, bias: options.bias, options)
        dropout = Dropout(store, probability, options.dropoutUnit)
    }

    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, D / 2, H / 2, W / 2, 2 · in]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let down = try norm(conv(x, in: context), then: first, in: context)
        return try last(row(dropout(down, in: context), residual: down, in: context), in: context)
    }
}

/// A decoder stage with its skip, `UpTransition`.
struct VNetUp {
    private let conv: ConvTranspose3d
    private let norm: Norm
    private let first: ActivationLayer
    private let last: ActivationLayer
    private let row: ConvolutionRow
    private let dropout: Dropout?
    private let skipDropout: Dropout?

    init(
        _ store: ParameterStore, inputs: Int, outputs: Int, convolutions: Int, dropout probabilities: [Float],
        _ options: VNetOptions
    ) throws {
        conv = try ConvTranspose3d(
            store.scope("up_conv"), inputs: inputs, outputs: outputs / 2, geometry(kernel: 2, stride: 2, padding: 0),
            outputPadding: Triple(0), bias: true)
        norm = try Norm(store.scope("bn1"), channels: outputs / 2, batchNorm)
        dropout = Dropout(store, probabilities[0], options.dropoutUnit)
        skipDropout = Dropout(store, probabilities[1], options.dropoutUnit)
        first = try ActivationLayer(store.scope("act_function1"), options.activation(channels: outputs / 2))
        last = try ActivationLayer(store.scope("act_function2"), options.activation(channels: outputs))
        row = try ConvolutionRow(store, channels: outputs, count: convolutions, bias: false, options)
    }

    /// **Shapes**: inputs `[N, D, H, W, in]` and the skip, `[N, 2D, 2H, 2W, out / 2]`; result `[N, 2D, 2H, 2W, out]`.
    func callAsFunction(_ inputs: consuming [Tensor], in context: ForwardContext) throws -> Tensor {
        let joined = try concatenate(
            [
                norm(conv(dropout(inputs[0], in: context), in: context), then: first, in: context),
                skipDropout(inputs[1], in: context),
            ], isRematerialised: true)
        inputs = []
        return try last(row(joined, residual: joined, in: context), in: context)
    }
}

/// The last stage, `OutputTransition`.
struct VNetOutput {
    private let conv: NormedConvolution
    private let activation: ActivationLayer
    private let head: Conv3d

    init(_ store: ParameterStore, inputs: Int, _ options: VNetOptions) throws {
        let outputs = options.outputChannels
        activation = try ActivationLayer(store.scope("act_function1"), options.activation(channels: outputs))
        conv = try NormedConvolution(
            store.scope("conv_block"), inputs: inputs, outputs: outputs, bias: options.bias)
        head = try Conv3d(
            store.scope("conv2"), inputs: outputs, outputs: outputs, geometry(kernel: 1, stride: 1, padding: 0),
            bias: true)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        try head(conv(x, followers: activation.followers(in: context), in: context), in: context)
    }
}
