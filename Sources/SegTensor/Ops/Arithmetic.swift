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
    return result(y, op: "add", .add, of: [a, b]) { upstream, sink in
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

/// The same elements under another shape, `torch.reshape`; copies nothing.
///
/// - Throws: `TensorError` where the element counts differ.
public func reshape(_ x: Tensor, _ shape: Shape) throws -> Tensor {
    try require(shape.count == x.shape.count, "reshape", "\(x.shape) has not the elements of \(shape)")
    let target = x.target
    return result(x.view.reshaped(shape), op: "reshape", .reshape, of: [x]) { upstream, sink in
        try sink.pass(upstream, to: target)
    }
}

/// Joins tensors along the channels, `torch.cat(dim=1)` of channels-first tensors.
///
/// **Shapes**: each `[N, …, Cᵢ]`, result `[N, …, ΣCᵢ]`.
/// - Parameter isFrugal: Whether ops that need the result for their gradients join the inputs again; worth its passes
///   where those are kept or made again anyway. The values are the same bits.
/// - Throws: `TensorError` where the other axes differ; `BackendError` from the backend.
public func concatenate(_ tensors: [Tensor], isFrugal: Bool = false) throws -> Tensor {
    guard let first = tensors.first else { throw TensorError(op: "concatenate", "nothing to join") }
    let outer = Array(first.shape.dimensions.dropLast())
    for tensor in tensors {
        try require(
            Array(tensor.shape.dimensions.dropLast()) == outer, "concatenate",
            "\(tensor.shape) and \(first.shape) differ in more than channels")
    }
    let backend = first.backend
    let channels = tensors.map(\.shape.channels)
    let (shape, dtype) = (Shape(outer + [channels.reduce(0, +)]), first.view.dtype)
    let (targets, rows) = (tensors.map(\.target), first.shape.rows)
    let join = { (part: (Int) throws -> BufferView) in
        let y = try backend.allocate(shape, dtype)
        var start = 0
        for (number, count) in channels.enumerated() {
            try backend.copyRegion(
                part(number).reshaped([rows, count]), at: [0, 0], into: y.reshaped([rows, shape.channels]),
                at: [0, start], extent: [rows, count], accumulate: false)
            start += count
        }
        return y
    }
    let kept = isFrugal ? tensors.map(Kept.init) : []
    let remake = isFrugal ? { try join { try kept[$0].elements() } } : nil
    return try result(
        join { tensors[$0].view }, op: "concatenate", .concatenate, of: tensors, remake: remake
    ) { upstream, sink in
        let upstream = upstream.reshaped([rows, upstream.shape.channels])
        var start = 0
        for (target, count) in zip(targets, channels) {
            try sink.add(to: target) { gx, accumulate in
                try backend.copyRegion(
                    upstream, at: [0, start], into: gx.reshaped([rows, count]), at: [0, 0], extent: [rows, count],
                    accumulate: accumulate)
            }
            start += count
        }
    }
}

/// The sum of all elements, as a tensor of shape `[1]`.
///
/// - Throws: `BackendError` from the backend.
public func sum(_ x: Tensor) throws -> Tensor {
    let backend = x.backend
    let y = try backend.allocate([1], x.view.dtype)
    try backend.reduce(.sum, x.view, outer: 1, inner: 1, into: y, accumulate: false)
    let target = x.target
    return result(y, op: "sum", of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            if !accumulate { try backend.fill(gx, with: 0) }
            try backend.binary(.add, gx, upstream, into: gx)
        }
    }
}
