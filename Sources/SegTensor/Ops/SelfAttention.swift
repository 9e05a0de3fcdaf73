public import SegBackend

/// The optional parts of an attention between the scores and the sum of values.
///
/// Without any of them the fused kernel runs. Otherwise the scores are computed in blocks, and again for the gradient.
public struct AttentionWeights {
    /// The bias added to the scores of each head, `[heads, T, T]`.
    public var bias: Tensor?
    /// The mask added to the scores of each window, `[W, T, T]`, for a batch of B · W windows; never tracked.
    public var mask: Tensor?
    /// The dropout of the probabilities.
    public var dropout: DropoutParams?

    /// Creates weights without any parts, which can then be set.
    public init() {}

    var isEmpty: Bool { bias == nil && mask == nil && dropout == nil }
}

/// Computes softmax(q · kᵀ · scale + bias + mask) · v from the output of a `torch.nn.Linear(C, 3 * C)`.
///
/// **Shapes**: qkv `[N, T, 3 · heads · E]`, the last axis ordered (q, k, v), each (heads, E); result
/// `[N, T, heads · E]`. No T×T matrix is kept for the gradient.
/// - Throws: `TensorError` if shapes do not fit; `BackendError` from the backend.
public func selfAttention(qkv: Tensor, heads: Int, scale: Float, _ weights: AttentionWeights) throws -> Tensor {
    let op = "selfAttention"
    try require(
        qkv.shape.rank == 3 && heads > 0 && qkv.shape.channels % (3 * heads) == 0, op,
        "queries, keys and values \(qkv.shape) are not [N, T, 3 · \(heads) · E]")
    let (batch, length) = (qkv.shape[0], qkv.shape[1])
    if let bias = weights.bias {
        try require(
            bias.shape == [heads, length, length], op,
            "bias \(bias.shape) should be \([heads, length, length] as Shape)")
    }
    if let mask = weights.mask {
        try require(
            mask.shape.rank == 3 && Array(mask.shape.dimensions[1...]) == [length, length]
                && mask.shape[0] > 0 && batch % mask.shape[0] == 0 && !mask.isTracked, op,
            "mask \(mask.shape) should be [W, \(length), \(length)], untracked, with W a divisor of \(batch)")
    }
    return weights.isEmpty
        ? try fusedSelfAttention(qkv, heads: heads, scale: scale)
        : try blockedSelfAttention(qkv, heads: heads, scale: scale, weights)
}

private func fusedSelfAttention(_ qkv: Tensor, heads: Int, scale: Float) throws -> Tensor {
    let backend = qkv.backend
    let channels = qkv.shape.channels / 3
    let (batch, length, rows) = (qkv.shape[0], qkv.shape[1], qkv.shape.rows)
    let shape: Shape = [batch, length, heads, channels / heads]
    let packed = qkv.view.reshaped([rows, 3 * channels])
    let parts = try (0..<3).map { part in
        let view = try backend.allocate(shape, packed.dtype)
        try backend.copyRegion(
            packed, at: [0, part * channels], into: view.reshaped([rows, channels]), at: [0, 0],
            extent: [rows, channels], accumulate: false)
        return view
    }
    let y = try backend.allocate(shape, packed.dtype)
    let logSumExp = try backend.allocate([batch, heads, length], packed.dtype)
    try backend.attention(parts[0], parts[1], parts[2], scale: scale, into: y, logSumExp: logSumExp)
    let target = qkv.target
    return result(
        y.reshaped([batch, length, channels]), op: "selfAttention", .selfAttention(heads: heads, scale: scale),
        of: [qkv]
    ) { upstream, sink in
        let gradients = try parts.map { try backend.allocate($0.shape, $0.dtype) }
        try backend.attentionBackward(
            parts[0], parts[1], parts[2], output: y, logSumExp: logSumExp, upstream: upstream.reshaped(shape),
            scale: scale, into: gradients[0], gradients[1], gradients[2])
        try sink.add(to: target) { gx, accumulate in
            for (part, gradient) in gradients.enumerated() {
                try backend.copyRegion(
                    gradient.reshaped([rows, channels]), at: [0, 0], into: gx.reshaped([rows, 3 * channels]),
                    at: [0, part * channels], extent: [rows, channels], accumulate: accumulate)
            }
        }
    }
}

private func blockedSelfAttention(
    _ qkv: Tensor, heads: Int, scale: Float, _ weights: AttentionWeights
) throws -> Tensor {
    let backend = qkv.backend
    let blocks = AttentionBlocks(qkv.shape, heads: heads, windows: weights.mask?.shape[0])
    let parts = try (0..<3).map { part in
        let view = try backend.allocate(blocks.headsFirst, qkv.view.dtype)
        try blocks.copy(packed: qkv.view, part: part, of: 3, heads: view, backend, toPacked: false, accumulate: false)
        return view
    }
    let output = try backend.allocate(blocks.headsFirst, qkv.view.dtype)
    for block in blocks.all {
        let probabilities = try blocks.probabilities(block, parts, scale: scale, weights, backend)
        if let dropout = weights.dropout { try block.drop(probabilities, dropout, backend) }
        try backend.matmul(
            probabilities, block.view(parts[2]), bias: nil,
            MatmulParams(transposeA: false, transposeB: false, alpha: 1, beta: 0), into: block.view(output))
    }
    let y = try backend.allocate(blocks.packed, qkv.view.dtype)
    try blocks.copy(packed: y, part: 0, of: 1, heads: output, backend, toPacked: true, accumulate: false)
    let target = qkv.target
    let recorded: RecordedOp? = weights.dropout == nil ? .selfAttention(heads: heads, scale: scale) : nil
    return result(y, op: "selfAttention", recorded, of: [qkv, weights.bias, weights.mask]) { upstream, sink in
        let signal = try backend.allocate(blocks.headsFirst, upstream.dtype)
        try blocks.copy(packed: upstream, part: 0, of: 1, heads: signal, backend, toPacked: false, accumulate: false)
        let gradients = try parts.map { try backend.allocate($0.shape, $0.dtype) }
        let biasGradient = try weights.bias.map { try backend.allocate($0.shape, $0.view.dtype) }
        if let biasGradient { try backend.fill(biasGradient, with: 0) }
        for block in blocks.all {
            let probabilities = try blocks.probabilities(block, parts, scale: scale, weights, backend)
            try block.gradient(
                probabilities, parts, signal, scale: scale, weights.dropout, into: gradients, bias: biasGradient,
                backend)
        }
        try sink.add(to: target) { gx, accumulate in
            for (part, gradient) in gradients.enumerated() {
                try blocks.copy(
                    packed: gx, part: part, of: 3, heads: gradient, backend, toPacked: true, accumulate: accumulate)
            }
        }
        if let bias = weights.bias, let biasGradient { try sink.give(biasGradient, to: bias) }
    }
}
