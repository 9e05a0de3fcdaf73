internal import SegBackend

/// Computes softmax(q · kᵀ · scale) · v for each head, `torch.nn.functional.scaled_dot_product_attention`.
///
/// **Shapes**: q, k, v and the result `[N, T, heads, E]`; the T×T matrix is never stored. Dao et al. 2022.
/// - Throws: `TensorError` if shapes differ; `BackendError` from the backend.
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
