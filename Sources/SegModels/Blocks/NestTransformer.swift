internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

private let nestLayerNorm = BlockOptions.NormOption(
    params: NormParams(kind: .layer, epsilon: 1e-6), affine: true, momentum: 0)

/// Zhang et al. 2021, "Nested Hierarchical Transformer", in 3-D, with the parameter names of UNesT's `NestTransformer3D`.
struct NestTransformer {
    /// The stochastic depth probability of the last layer; it increases linearly from 0 at the first.
    static let pathDropout: Float = 0.5

    private let embedding: Conv3d
    private let levels: [NestLevel]
    private let norm: Norm

    /// Registers `patch_embed`, `levels` and `norm`.
    init(_ store: ParameterStore, _ options: UNesTOptions) throws {
        embedding = try Conv3d(
            store.scope("patch_embed").scope("proj"), inputs: 1, outputs: options.channels[0],
            Conv3dParams(kernel: UNesTOptions.patch, stride: UNesTOptions.patch), bias: true)
        let total = options.depths.reduce(0, +)
        levels = try options.depths.enumerated().map { level, depth in
            let before = options.depths.prefix(level).reduce(0, +)
            let rates = (0..<depth).map { total > 1 ? Self.pathDropout * Float(before + $0) / Float(total - 1) : 0 }
            return try NestLevel(store.scope("levels").scope("\(level)"), level: level, pathDropouts: rates, options)
        }
        norm = try Norm(store.scope("norm"), channels: options.channels[2], nestLayerNorm)
    }

    /// Returns the patch embedding, the output of each level, and the normalised output of the last level.
    ///
    /// **Shapes**: x `[N, D, H, W, 1]`, embedded `[N, D / 4, H / 4, W / 4, channels]`; level 0 keeps this size, and
    /// each further level halves it.
    func callAsFunction(
        _ x: Tensor, in context: ForwardContext
    ) throws -> (embedded: Tensor, levels: [Tensor], normalized: Tensor) {
        let embedded = try embedding(x, in: context)
        var outputs: [Tensor] = []
        for level in levels { outputs.append(try level(outputs.last ?? embedded, in: context)) }
        return (embedded, outputs, try norm(outputs[2], followers: NormFollowers(), in: context))
    }
}

/// Pooling to half the size except in the first level, then layers with attention within blocks: `NestLevel`.
private struct NestLevel {
    private let pool: (convolution: Conv3d, norm: Norm)?
    private let positions: Parameter
    private let layers: [NestLayer]

    /// Registers `pos_embed`, `pool` and `transformer_encoder`.
    init(_ store: ParameterStore, level: Int, pathDropouts: [Float], _ options: UNesTOptions) throws {
        let channels = options.channels[level]
        let blocks = UNesTOptions.size.zip(UNesTOptions.patch, /).zip(Triple(1 << level), /).zip(UNesTOptions.window, /)
        positions = try store.parameter(
            "pos_embed", [1, blocks.count, UNesTOptions.window.count, channels], .normal(sd: 0.02))
        if level > 0 {
            let scope = store.scope("pool")
            pool = (
                try Conv3d(
                    scope.scope("conv"), inputs: options.channels[level - 1], outputs: channels, .same(kernel: 3),
                    bias: true),
                try Norm(scope.scope("norm"), channels: channels, nestLayerNorm)
            )
        } else {
            pool = nil
        }
        layers = try pathDropouts.enumerated().map { index, rate in
            try NestLayer(
                store.scope("transformer_encoder").scope("\(index)"), channels: channels, heads: options.heads[level],
                pathDropout: rate)
        }
    }

    /// **Shapes**: x `[N, D, H, W, C]`, result `[N, D / 2, H / 2, W / 2, channels]`; the first level keeps the size of x.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        var y = x
        if let pool {
            y = try maxPool3d(
                pool.norm(pool.convolution(x, in: context), followers: NormFollowers(), in: context),
                Pool3dParams(kernel: 3, stride: 2, padding: 1))
        }
        let size = y.shape.size
        let tokens = try windowPartition(y, window: UNesTOptions.window, shift: 0)
        let (count, length, channels) = (positions.shape[1], positions.shape[2], positions.shape[3])
        let batch = x.shape.batch
        let placed = try add(reshape(tokens, [batch, count, length, channels]), positions.tensor(in: context))
        var sequence = try reshape(placed, [batch, count * length, channels])
        for layer in layers {
            sequence = try context.recomputing([sequence]) { try layer($0[0], length: length, in: $1) }
        }
        return try windowReverse(
            reshape(sequence, tokens.shape), size: size, window: UNesTOptions.window, shift: 0)
    }
}

/// x + attention(norm(x)), then x + perceptron(norm(x)): `TransformerLayer`.
private struct NestLayer {
    private let norm1: Norm
    private let qkv: Linear
    private let projection: Linear
    private let norm2: Norm
    private let perceptron: Perceptron
    private let heads: Int
    private let attentionPath: Dropout?
    private let perceptronPath: Dropout?

    /// Registers `norm1`, `attn`, `norm2` and `mlp`.
    init(_ store: ParameterStore, channels: Int, heads: Int, pathDropout: Float) throws {
        self.heads = heads
        norm1 = try Norm(store.scope("norm1"), channels: channels, nestLayerNorm)
        let attention = store.scope("attn")
        qkv = try Linear(attention.scope("qkv"), inputs: channels, outputs: 3 * channels, bias: true)
        projection = try Linear(attention.scope("proj"), inputs: channels, outputs: channels, bias: true)
        norm2 = try Norm(store.scope("norm2"), channels: channels, nestLayerNorm)
        perceptron = try Perceptron(
            store.scope("mlp"), names: ("fc1", "fc2"), channels: channels, hidden: 4 * channels, dropout: 0)
        attentionPath = Dropout(store, pathDropout, .sample)
        perceptronPath = Dropout(store, pathDropout, .sample)
    }

    /// **Shapes**: x and result `[N, blocks · T, C]`.
    /// - Parameter length: T, the number of tokens that attend to each other.
    func callAsFunction(_ x: Tensor, length: Int, in context: ForwardContext) throws -> Tensor {
        let channels = x.shape.channels
        let packed = try qkv(norm1(x, followers: NormFollowers(), in: context), in: context)
        let mixed = try selfAttention(
            qkv: reshape(packed, [x.shape.rows / length, length, 3 * channels]), heads: heads,
            scale: 1 / Float(channels / heads).squareRoot(), AttentionWeights())
        let attended = try linear(
            reshape(mixed, x.shape), weight: headsFirst(in: context), bias: projection.bias?.tensor(in: context))
        let y = try add(x, attentionPath(attended, in: context))
        let refined = try perceptron(norm2(y, followers: NormFollowers(), in: context), in: context)
        return try add(y, perceptronPath(refined, in: context))
    }

    /// Returns the projection's weight reordered for concatenated heads, because UNesT interleaves the channels of the heads.
    private func headsFirst(in context: ForwardContext) throws -> Tensor {
        let channels = projection.weight.shape[0]
        let split = try reshape(projection.weight.tensor(in: context), [channels, 1, channels / heads, heads, 1])
        let windows = try windowPartition(split, window: Triple(1, channels / heads, 1), shift: 0)
        return try reshape(windows, [channels, channels])
    }
}
