internal import SegBackend

/// x · weightᵀ + bias on the last axis, `torch.nn.functional.linear`.
///
/// **Shapes**: x `[…, in]`, weight `[out, in]`, bias `[out]`, result `[…, out]`.
/// - Throws: `TensorError` where shapes do not fit; `BackendError` from the backend.
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor?) throws -> Tensor {
    try require(
        weight.shape.rank == 2 && weight.shape[1] == x.shape.channels, "linear",
        "weight \(weight.shape) does not take \(x.shape.channels) features")
    let (rows, inputs, outputs) = (x.shape.rows, x.shape.channels, weight.shape[0])
    if let bias { try require(bias.shape == [outputs], "linear", "bias \(bias.shape) should be [\(outputs)]") }
    let backend = x.backend
    let y = try backend.allocate(Shape(x.shape.dimensions.dropLast() + [outputs]), x.view.dtype)
    let x2 = x.view.reshaped([1, rows, inputs])
    let w2 = weight.view.reshaped([1, outputs, inputs])
    try backend.matmul(
        x2, w2, bias: bias?.view, MatmulParams(transposeA: false, transposeB: true, alpha: 1, beta: 0),
        into: y.reshaped([1, rows, outputs]))
    let kept = Kept(x)
    return result(y, op: "linear", .linear, of: [x, weight, bias]) { upstream, sink in
        let g = upstream.reshaped([1, rows, outputs])
        // The weight first: an input that is made again is gone before its gradient comes.
        try sink.add(to: weight) { gw, accumulate in
            try backend.matmul(
                g, kept.elements().reshaped([1, rows, inputs]), bias: nil,
                MatmulParams(transposeA: true, transposeB: false, alpha: 1, beta: accumulate ? 1 : 0),
                into: gw.reshaped([1, outputs, inputs]))
        }
        try sink.add(to: kept.target) { gx, accumulate in
            try backend.matmul(
                g, w2, bias: nil,
                MatmulParams(transposeA: false, transposeB: false, alpha: 1, beta: accumulate ? 1 : 0),
                into: gx.reshaped([1, rows, inputs]))
        }
        try addBiasGradient(upstream, of: bias, sink)
    }
}

/// softmax(q · kᵀ · scale) · v for each head, `torch.nn.functional.scaled_dot_product_attention`.
///
/// **Shapes**: q, k, v and the result `[N, T, heads, E]`; the T×T matrix is never stored. Dao et al. 2022.
/// - Throws: `TensorError` where shapes differ; `BackendError` from the backend.
public func attention(_ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Float) throws -> Tensor {
    try require(q.shape.rank == 4, "attention", "queries \(q.shape) are not [N, T, heads, E]")
    try require(
        q.shape == k.shape && q.shape == v.shape, "attention",
        "queries \(q.shape), keys \(k.shape) and values \(v.shape) differ")
    let backend = q.backend
    let y = try backend.allocate(q.shape, q.view.dtype)
    let logSumExp = try backend.allocate([q.shape[0], q.shape[2], q.shape[1]], q.view.dtype)
    try backend.attention(q.view, k.view, v.view, scale: scale, into: y, logSumExp: logSumExp)
    return result(y, op: "attention", of: [q, k, v]) { upstream, sink in
        let gradients = try [q, k, v].map { try backend.allocate($0.shape, $0.view.dtype) }
        try backend.attentionBackward(
            q.view, k.view, v.view, output: y, logSumExp: logSumExp, upstream: upstream, scale: scale,
            into: gradients[0], gradients[1], gradients[2])
        for (tensor, gradient) in zip([q, k, v], gradients) { try sink.give(gradient, to: tensor) }
    }
}
