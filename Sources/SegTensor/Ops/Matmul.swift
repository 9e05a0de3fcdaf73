internal import SegBackend

/// x · weightᵀ + bias on the last axis, `torch.nn.functional.linear`.
///
/// **Shapes**: x `[…, in]`, weight `[out, in]`, bias `[out]`, result `[…, out]`.
/// - Throws: `TensorError` if shapes do not fit; `BackendError` from the backend.
public func linear(_ x: Tensor, weight: Tensor, bias: Tensor?) throws -> Tensor {
    try require(
        weight.shape.rank == 2 && weight.shape[1] == x.shape.channels, "linear",
        "weight \(weight.shape) does not fit \(x.shape.channels) features")
    let (rows, inputs, outputs) = (x.shape.rows, x.shape.channels, weight.shape[0])
    if let bias { try require(bias.shape == [outputs], "linear", "bias \(bias.shape) should be [\(outputs)]") }
    let backend = x.backend
    let y = try backend.allocate(Shape(x.shape.dimensions.dropLast() + [outputs]), x.view.dtype)
    let x2 = x.view.reshaped([1, rows, inputs])
    let w2 = weight.view.reshaped([1, outputs, inputs])
    try backend.matmul(
        x2, w2, bias: bias?.view, MatmulParams(transposeA: false, transposeB: true, alpha: 1, beta: 0),
        into: y.reshaped([1, rows, outputs]))
    let kept = SavedInput(x)
    return result(y, op: "linear", .linear, of: [x, weight, bias]) { upstream, sink in
        let g = upstream.reshaped([1, rows, outputs])
        // The weight's gradient comes first: a recomputed input is released before the input's gradient is allocated.
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
