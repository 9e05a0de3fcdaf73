public import SegBackend
public import SegCore

/// Gives the same elements another shape, `torch.reshape`, without a copy.
///
/// - Throws: `TensorError` if the element counts differ.
public func reshape(_ x: Tensor, _ shape: Shape) throws -> Tensor {
    try require(shape.count == x.shape.count, "reshape", "\(x.shape) and \(shape) differ in the number of elements")
    let target = x.target
    return result(x.view.reshaped(shape), op: "reshape", .reshape, of: [x]) { upstream, sink in
        try sink.pass(upstream, to: target)
    }
}

/// Concatenates tensors along the channels, `torch.cat(dim=1)` of channels-first tensors.
///
/// **Shapes**: each `[N, …, Cᵢ]`, result `[N, …, ΣCᵢ]`.
/// - Parameter isRematerialised: Whether ops that need the result for their gradients concatenate the inputs again.
///   This saves memory if the inputs are kept or recomputed anyway. The bits are the same.
/// - Throws: `TensorError` if the other axes differ; `BackendError` from the backend.
public func concatenate(_ tensors: [Tensor], isRematerialised: Bool = false) throws -> Tensor {
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
    let kept = isRematerialised ? tensors.map(SavedInput.init) : []
    let remake = isRematerialised ? { try join { try kept[$0].elements() } } : nil
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

/// Keeps the first elements along each axis, `x[:e0, :e1, …]`.
///
/// - Throws: `TensorError` if `extent` is larger than the shape of x along an axis; `BackendError` from the backend.
public func crop(_ x: Tensor, to extent: Shape) throws -> Tensor {
    try require(
        extent.rank == x.shape.rank && zip(extent.dimensions, x.shape.dimensions).allSatisfy { $0 <= $1 }, "crop",
        "\(extent) does not fit in \(x.shape)")
    guard extent != x.shape else { return x }
    let backend = x.backend
    let origin = [Int](repeating: 0, count: extent.rank)
    let y = try backend.allocate(extent, x.view.dtype)
    try backend.copyRegion(
        x.view, at: origin, into: y, at: origin, extent: extent.dimensions, accumulate: false)
    let target = x.target
    return result(y, op: "crop", .crop, of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            if !accumulate { try backend.fill(gx, with: 0) }
            try backend.copyRegion(
                upstream, at: origin, into: gx, at: origin, extent: extent.dimensions, accumulate: accumulate)
        }
    }
}

/// Flips axes, `torch.flip`.
///
/// - Throws: `TensorError` if x has no such axis; `BackendError` from the backend.
public func flip(_ x: Tensor, _ axes: [Int]) throws -> Tensor {
    try require(
        axes.allSatisfy((0..<x.shape.rank).contains) && Set(axes).count == axes.count, "flip",
        "axes \(axes) should be different axes of \(x.shape)")
    let backend = x.backend
    let y = try backend.allocate(x.shape, x.view.dtype)
    try backend.flip(x.view, axes: axes, into: y, accumulate: false)
    let target = x.target
    return result(y, op: "flip", of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try backend.flip(upstream, axes: axes, into: gx, accumulate: accumulate)
        }
    }
}

/// Transposes a matrix with few columns, `x.t()`, with one copy per column.
///
/// **Shapes**: x `[R, C]`, result `[C, R]`.
/// - Throws: `TensorError` if x is not a matrix; `BackendError` from the backend.
public func transposeColumns(_ x: Tensor) throws -> Tensor {
    try require(x.shape.rank == 2, "transposeColumns", "\(x.shape) is not [R, C]")
    let backend = x.backend
    let (rows, columns) = (x.shape[0], x.shape[1])
    let y = try backend.allocate([columns, rows], x.view.dtype)
    for column in 0..<columns {
        try backend.copyRegion(
            x.view, at: [0, column], into: y.slice(column..<column + 1).reshaped([rows, 1]), at: [0, 0],
            extent: [rows, 1], accumulate: false)
    }
    let target = x.target
    return result(y, op: "transposeColumns", .transposeColumns, of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            for column in 0..<columns {
                try backend.copyRegion(
                    upstream.slice(column..<column + 1).reshaped([rows, 1]), at: [0, 0], into: gx, at: [0, column],
                    extent: [rows, 1], accumulate: accumulate)
            }
        }
    }
}

/// Spreads the 2w − 1 offsets of two positions over all pairs of positions: y[p, i, q, j] = x[p, i − j + w − 1, q].
///
/// **Shapes**: x `[P, 2w − 1, Q]`, result `[P, w, Q, w]`. Called once per axis, it converts a table of relative
/// positions to the bias of an attention.
/// - Throws: `TensorError` if the size of the second axis is even; `BackendError` from the backend.
public func toeplitz(_ x: Tensor) throws -> Tensor {
    try require(x.shape.rank == 3 && x.shape[1] % 2 == 1, "toeplitz", "\(x.shape) is not [P, 2w − 1, Q]")
    let backend = x.backend
    let (outer, inner, width) = (x.shape[0], x.shape[2], (x.shape[1] + 1) / 2)
    let y = try backend.allocate([outer, width, inner, width], x.view.dtype)
    let source: Shape = [outer, 2 * width - 1, inner, 1]
    let extent = [outer, width, inner, 1]
    for j in 0..<width {
        try backend.copyRegion(
            x.view.reshaped(source), at: [0, width - 1 - j, 0, 0], into: y, at: [0, 0, 0, j], extent: extent,
            accumulate: false)
    }
    let target = x.target
    return result(y, op: "toeplitz", .toeplitz, of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            if !accumulate { try backend.fill(gx, with: 0) }
            for j in 0..<width {
                try backend.copyRegion(
                    upstream, at: [0, 0, 0, j], into: gx.reshaped(source), at: [0, width - 1 - j, 0, 0],
                    extent: extent, accumulate: true)
            }
        }
    }
}

/// Joins the voxels of each 2³ box along the channels: `torch.cat([x[:, i::2, j::2, k::2, :] for i, j, k in corners])`.
///
/// **Shapes**: x `[N, D, H, W, C]` with even D, H, W, result `[N, D / 2, H / 2, W / 2, corners · C]`.
/// - Throws: `TensorError` if D, H or W is odd; `BackendError` from the backend.
public func joinCorners(_ x: Tensor, _ corners: [Triple]) throws -> Tensor {
    try require(x.shape.rank == 5, "joinCorners", "input \(x.shape) is not [N, D, H, W, C]")
    let (size, channels) = (x.shape.size, x.shape.channels)
    try require(size.zip(Triple(2), %) == Triple(0), "joinCorners", "the sizes \(size) should be even")
    let half = size.zip(Triple(2), /)
    let backend = x.backend
    let y = try backend.allocate(
        Shape(batch: x.shape.batch, size: half, channels: corners.count * channels), x.view.dtype)
    // Corner (i, j, k) is a box of x viewed with the axes (n, d / 2), (i, h / 2), j, w / 2 and (k, c).
    let planes = x.shape.batch * half.d
    let source: Shape = [planes, size.h, 2, half.w, 2 * channels]
    let joined: Shape = [planes, half.h, 1, half.w, corners.count * channels]
    let extent = [planes, half.h, 1, half.w, channels]
    let origins = corners.map { [0, $0.d * half.h, $0.h, 0, $0.w * channels] }
    for (index, origin) in origins.enumerated() {
        try backend.copyRegion(
            x.view.reshaped(source), at: origin, into: y.reshaped(joined), at: [0, 0, 0, 0, index * channels],
            extent: extent, accumulate: false)
    }
    let target = x.target
    return result(y, op: "joinCorners", .joinCorners(corners), of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            if !accumulate { try backend.fill(gx, with: 0) }
            for (index, origin) in origins.enumerated() {
                try backend.copyRegion(
                    upstream.reshaped(joined), at: [0, 0, 0, 0, index * channels], into: gx.reshaped(source),
                    at: origin, extent: extent, accumulate: true)
            }
        }
    }
}
