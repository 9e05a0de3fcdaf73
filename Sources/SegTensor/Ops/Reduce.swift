internal import SegBackend

/// The sum of all elements, as a tensor of shape `[1]`.
///
/// - Throws: `BackendError` from the backend.
public func sum(_ x: Tensor) throws -> Tensor { try reduced(.sum, x) }

/// The mean of all elements, as a tensor of shape `[1]`.
///
/// - Throws: `BackendError` from the backend.
public func mean(_ x: Tensor) throws -> Tensor { try reduced(.mean, x) }

/// The maximum of all elements, as a tensor of shape `[1]`; see `max(_:over:keepsAxes:)`.
///
/// - Throws: `TensorError` if x is empty; `BackendError` from the backend.
public func max(_ x: Tensor) throws -> Tensor { try reduced(.max, x) }

/// The sum over some axes, `torch.sum(x, axes, keepdim)`.
///
/// **Shapes**: the summed axes are left out of the result's shape, or are 1 if `keepsAxes` is true.
/// - Parameter axes: The numbers of the axes; negative numbers count from the end.
/// - Throws: `TensorError` if x has no such axis; `BackendError` from the backend.
public func sum(_ x: Tensor, over axes: [Int], keepsAxes: Bool = false) throws -> Tensor {
    try reduced(.sum, x, over: axes, keepsAxes: keepsAxes)
}

/// The mean over some axes, `torch.mean(x, axes, keepdim)`; shapes as in `sum`.
/// - Parameter axes: The numbers of the axes; negative numbers count from the end.
/// - Throws: `TensorError` if x has no such axis; `BackendError` from the backend.
public func mean(_ x: Tensor, over axes: [Int], keepsAxes: Bool = false) throws -> Tensor {
    try reduced(.mean, x, over: axes, keepsAxes: keepsAxes)
}

/// The maximum over some axes, `torch.amax(x, axes, keepdim)`; shapes as in `sum`. NaN if any element is NaN.
///
/// Elements that are equal to the maximum share the gradient.
/// - Parameter axes: The numbers of the axes; negative numbers count from the end.
/// - Throws: `TensorError` if x has no such axis or the axis is empty; `BackendError` from the backend.
public func max(_ x: Tensor, over axes: [Int], keepsAxes: Bool = false) throws -> Tensor {
    try reduced(.max, x, over: axes, keepsAxes: keepsAxes)
}

private func reduced(_ op: ReduceOp, _ x: Tensor) throws -> Tensor {
    try reshape(reduced(op, x, over: Array(0..<x.shape.rank), keepsAxes: true), [1])
}

private func reduced(_ op: ReduceOp, _ x: Tensor, over axes: [Int], keepsAxes: Bool) throws -> Tensor {
    let rank = x.shape.rank
    let numbers = axes.map { $0 < 0 ? $0 + rank : $0 }
    try require(
        numbers.allSatisfy((0..<rank).contains) && Set(numbers).count == axes.count, op.rawValue,
        "axes \(axes) should be different axes of \(x.shape)")
    try require(x.view.dtype.isFloating, op.rawValue, "\(x.shape) holds \(x.view.dtype), not floating-point numbers")
    let kept = Shape(x.shape.dimensions.enumerated().map { numbers.contains($0.offset) ? 1 : $0.element })
    try require(op != .max || x.shape.count > 0 || kept.count == 0, "max", "\(x.shape) has no largest element")
    let y = try reducedView(op, x.view, to: kept, on: x.backend)
    let shape = keepsAxes ? kept : Shape((0..<rank).filter { !numbers.contains($0) }.map { x.shape[$0] })
    let (backend, target) = (x.backend, x.target)
    let terms = Float(x.shape.count / Swift.max(kept.count, 1))
    // Only the maximum needs the elements for its gradient.
    let elements = op == .max ? SavedInput(x) : nil
    return result(y.reshaped(shape), op: op.rawValue, of: [x]) { upstream, sink in
        var g = Tensor(upstream.reshaped(kept), on: backend)
        if op == .mean { g = try scale(g, by: 1 / terms) }
        if let elements {
            let winners = try equal(Tensor(elements.elements(), on: backend), Tensor(y, on: backend))
            let share = try divide(g, Tensor(reducedView(.sum, winners.view, to: kept, on: backend), on: backend))
            return try sink.give(multiply(winners, share).view, to: target)
        }
        try sink.add(to: target) { gx, accumulate in
            let one = Shape([Int](repeating: 1, count: gx.shape.rank))
            let start = accumulate ? gx : try Tensor(repeating: 0, shape: one, on: backend).view
            try backend.binary(.add, start, g.view, into: gx)
        }
    }
}

/// Sums over the axes along which a shape was broadcast.
func reduced(_ x: Tensor, to shape: Shape) throws -> Tensor {
    guard x.shape.count != shape.count else { return try reshape(x, shape) }
    let lead = Shape([Int](repeating: 1, count: x.shape.rank - shape.rank) + shape.dimensions)
    return Tensor(try reducedView(.sum, x.view, to: lead, on: x.backend).reshaped(shape), on: x.backend)
}

/// Reduces to a shape that is 1 along the reduced axes, one run of adjacent axes at a time, from the last axis on.
private func reducedView(_ op: ReduceOp, _ x: BufferView, to kept: Shape, on backend: any Backend) throws -> BufferView
{
    var (view, axis) = (x, kept.rank - 1)
    let isReduced = { (axis: Int) in kept[axis] == 1 && x.shape[axis] != 1 }
    while axis >= 0 {
        guard isReduced(axis) else {
            axis -= 1
            continue
        }
        let end = axis + 1
        while axis > 0 && (isReduced(axis - 1) || x.shape[axis - 1] == 1) { axis -= 1 }
        let (outer, inner) = (view.shape.dimensions[..<axis], view.shape.dimensions[end...])
        let ones = [Int](repeating: 1, count: end - axis)
        let next = try backend.allocate(Shape(outer + ones + inner), x.dtype)
        try backend.reduce(
            op, view, outer: outer.reduce(1, *), inner: inner.reduce(1, *), into: next, accumulate: false)
        view = next
        axis -= 1
    }
    guard view.buffer === x.buffer else { return view }
    // Nothing is reduced: the result is a copy, in memory of its own.
    let copy = try backend.allocate(kept, x.dtype)
    try backend.scale(x, by: 1, into: copy, times: 0)
    return copy
}
