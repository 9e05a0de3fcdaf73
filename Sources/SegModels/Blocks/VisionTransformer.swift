internal import SegBackend
internal import SegCore
internal import SegNN
internal import SegTensor

private let layerNorm = BlockOptions.NormOption(
    params: NormParams(kind: .layer, epsilon: 1e-5), affine: true, momentum: 0)

/// The sizes and options of a vision transformer.
struct TransformerOptions: Hashable, Sendable {
    var hidden: Int
    var mlp: Int
    var heads: Int
    var layers: Int
    var dropout: Float
    var qkvBias: Bool
}

/// A multi-layer perceptron with GELU, `monai.networks.blocks.MLPBlock`.
struct Perceptron {
    private let first: Linear
    private let second: Linear
    private let firstDropout: Dropout?
    private let secondDropout: Dropout?

    /// Registers two linear layers, by default `linear1` and `linear2`.
    init(
        _ store: ParameterStore, names: (String, String) = ("linear1", "linear2"), channels: Int, hidden: Int,
        dropout: Float
    ) throws {
        first = try Linear(store.scope(names.0), inputs: channels, outputs: hidden, bias: true)
        second = try Linear(store.scope(names.1), inputs: hidden, outputs: channels, bias: true)
        firstDropout = Dropout(store, dropout, .element)
        secondDropout = Dropout(store, dropout, .element)
    }

    /// **Shapes**: x and result `[…, channels]`.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let hidden = try firstDropout(
            activate(first(x, in: context), .gelu, slope: nil, consumesInput: true), in: context)
        return try secondDropout(second(hidden, in: context), in: context)
    }
}

/// Multi-head self-attention, `monai.networks.blocks.SABlock`.
private struct SelfAttention {
    private let qkv: Linear
    private let projection: Linear
    private let heads: Int
    private let scale: Float
    private let weightDropout: Dropout?
    private let outputDropout: Dropout?

    /// Registers `out_proj` and `qkv`.
    init(_ store: ParameterStore, _ options: TransformerOptions) throws {
        let hidden = options.hidden
        projection = try Linear(store.scope("out_proj"), inputs: hidden, outputs: hidden, bias: true)
        qkv = try Linear(store.scope("qkv"), inputs: hidden, outputs: 3 * hidden, bias: options.qkvBias)
        heads = options.heads
        scale = 1 / Float(hidden / options.heads).squareRoot()
        outputDropout = Dropout(store, options.dropout, .element)
        weightDropout = Dropout(store, options.dropout, .element)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        var weights = AttentionWeights()
        weights.dropout = weightDropout?.params(in: context)
        let mixed = try selfAttention(qkv: qkv(x, in: context), heads: heads, scale: scale, weights)
        return try outputDropout(projection(mixed, in: context), in: context)
    }
}

/// x + attention(norm(x)), then x + perceptron(norm(x)): `monai.networks.blocks.TransformerBlock`.
private struct TransformerBlock {
    private let perceptron: Perceptron
    private let attention: SelfAttention
    private let norm1: Norm
    private let norm2: Norm

    /// Registers `mlp`, `norm1`, `attn`, `norm2` and `norm_cross_attn`, which MONAI registers but does not use here.
    init(_ store: ParameterStore, _ options: TransformerOptions) throws {
        perceptron = try Perceptron(
            store.scope("mlp"), channels: options.hidden, hidden: options.mlp, dropout: options.dropout)
        norm1 = try Norm(store.scope("norm1"), channels: options.hidden, layerNorm)
        attention = try SelfAttention(store.scope("attn"), options)
        norm2 = try Norm(store.scope("norm2"), channels: options.hidden, layerNorm)
        _ = try Norm(store.scope("norm_cross_attn"), channels: options.hidden, layerNorm)
    }

    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let mixed = try add(
            x, attention(norm1(x, followers: NormFollowers(), in: context), in: context))
        return try add(
            mixed, perceptron(norm2(mixed, followers: NormFollowers(), in: context), in: context))
    }
}

/// The projection of a patch to a token.
enum PatchProjection: String, CaseIterable, Sendable {
    /// A convolution whose kernel and stride are the patch size.
    case conv
    /// A linear layer on the patch's voxels in the order (d, h, w, channel).
    case perceptron
}

/// The embedding of patches as tokens with learned positions, `monai.networks.blocks.PatchEmbeddingBlock`.
private struct PatchEmbedding {
    private enum Projection {
        case conv(Conv3d)
        case perceptron(Linear)
    }

    private let projection: Projection
    private let positions: Parameter
    private let dropout: Dropout?
    private let patch: Triple

    /// Registers `position_embeddings` and `patch_embeddings`.
    init(
        _ store: ParameterStore, inputs: Int, grid: Triple, patch: Triple, _ kind: PatchProjection,
        _ options: TransformerOptions
    ) throws {
        let normal = InitialValue.normal(sd: 0.02)
        positions = try store.parameter("position_embeddings", [1, grid.count, options.hidden], normal)
        let scope = store.scope("patch_embeddings")
        switch kind {
        case .conv:
            let params = Conv3dParams(
                kernel: patch, stride: patch, padding: Triple(0), dilation: Triple(1), groups: 1)
            projection = .conv(try Conv3d(scope, inputs: inputs, outputs: options.hidden, params, bias: true))
        case .perceptron:
            projection = .perceptron(
                try Linear(
                    scope.scope("1"), inputs: patch.count * inputs, outputs: options.hidden, bias: true,
                    initial: normal))
        }
        dropout = Dropout(store, options.dropout, .element)
        self.patch = patch
    }

    /// Computes the tokens with their position embeddings, before the dropout.
    func callAsFunction(_ x: Tensor, in context: ForwardContext) throws -> Tensor {
        let (batch, count) = (x.shape.batch, positions.shape[1])
        let tokens: Tensor
        switch projection {
        case .conv(let conv): tokens = try conv(x, in: context)
        case .perceptron(let linear):
            let patches = try windowPartition(x, window: patch, shift: Triple(0))
            tokens = try linear(
                reshape(patches, [batch, count, patch.count * x.shape.channels]), in: context)
        }
        let sequence = try reshape(tokens, [batch, count, positions.shape[2]])
        return try add(sequence, reshape(positions.tensor(in: context), [count, positions.shape[2]]))
    }

    func drop(_ tokens: Tensor, in context: ForwardContext) throws -> Tensor { try dropout(tokens, in: context) }
}

/// Dosovitskiy et al. 2021, `monai.networks.nets.ViT` without a class token.
struct VisionTransformer {
    private let embedding: PatchEmbedding
    private let blocks: [TransformerBlock]
    private let norm: Norm
    private let grid: Triple

    /// Registers `patch_embedding`, `blocks` and `norm`.
    init(
        _ store: ParameterStore, inputs: Int, size: Triple, patch: Triple, _ kind: PatchProjection,
        _ options: TransformerOptions
    ) throws {
        grid = size.zip(patch, /)
        embedding = try PatchEmbedding(
            store.scope("patch_embedding"), inputs: inputs, grid: grid, patch: patch, kind, options)
        blocks = try (0..<options.layers).map {
            try TransformerBlock(store.scope("blocks").scope("\($0)"), options)
        }
        norm = try Norm(store.scope("norm"), channels: options.hidden, layerNorm)
    }

    /// Computes the patch tokens with their position embeddings.
    ///
    /// **Shapes**: x `[N, D, H, W, in]`, result `[N, patches, hidden]`.
    func embed(_ x: Tensor, in context: ForwardContext) throws -> Tensor { try embedding(x, in: context) }

    /// Returns the outputs of the blocks whose numbers are in `kept`, and the normalised output of the last block.
    ///
    /// **Shapes**: embedded as the result of `embed`, results `[N, D / patch, H / patch, W / patch, hidden]`.
    func callAsFunction(
        embedded: Tensor, keeping kept: [Int], in context: ForwardContext
    ) throws -> (kept: [Tensor], last: Tensor) {
        var tokens = try embedding.drop(embedded, in: context)
        let shape = Shape(batch: embedded.shape.batch, size: grid, channels: embedded.shape.channels)
        var outputs: [Tensor] = []
        for (index, block) in blocks.enumerated() {
            tokens = try context.recomputing([tokens]) { try block($0[0], in: $1) }
            if kept.contains(index) { outputs.append(try reshape(tokens, shape)) }
        }
        let last = try norm(tokens, followers: NormFollowers(), in: context)
        return (outputs, try reshape(last, shape))
    }
}
