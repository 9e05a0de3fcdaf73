public import SegBackend

/// a + b, element by element; b's shape is a's or a trailing part of it that repeats.
///
/// - Throws: `TensorError` where the shapes do not fit; `BackendError` from the backend.
public func add(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    try require(
        Array(a.shape.dimensions.suffix(b.shape.rank)) == b.shape.dimensions, "add",
        "\(b.shape) is not a trailing part of \(a.shape)")
    let backend = a.backend
    let y = try backend.allocate(a.shape, a.view.dtype)
    try backend.binary(.add, a.view, b.view, into: y)
    let (first, second) = (a.target, b.target)
    return result(y, op: "add", of: [a, b]) { upstream, sink in
        try sink.pass(upstream, to: first)
        guard second.shape != first.shape else { return try sink.pass(upstream, to: second) }
        try sink.add(to: second) { gb, accumulate in
            try backend.reduce(.sum, upstream, outer: 1, inner: second.shape.count, into: gb, accumulate: accumulate)
        }
    }
}

/// factor · x.
///
/// - Throws: `BackendError` from the backend.
public func scale(_ x: Tensor, by factor: Float) throws -> Tensor {
    let backend = x.backend
    let y = try backend.allocate(x.shape, x.view.dtype)
    try backend.scale(x.view, by: factor, into: y, times: 0)
    let target = x.target
    return result(y, op: "scale", of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try backend.scale(upstream, by: factor, into: gx, times: accumulate ? 1 : 0)
        }
    }
}

/// Dropout with a counter-based mask, `torch.nn.functional.dropout` (or `dropout3d` where channelwise).
///
/// **Shapes**: x `[N, …, C]`, result as x.
/// - Throws: `BackendError` from the backend.
public func dropout(_ x: Tensor, _ params: DropoutParams) throws -> Tensor {
    let backend = x.backend
    let y = try backend.allocate(x.shape, x.view.dtype)
    try backend.dropout(x.view, params, into: y, accumulate: false)
    let target = x.target
    let remake = x.remake.map { make in
        {
            let view = try make()
            try backend.dropout(view, params, into: view, accumulate: false)
            return view
        }
    }
    return result(y, op: "dropout", of: [x], remake: remake) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try backend.dropout(upstream, params, into: gx, accumulate: accumulate)
        }
    }
}
