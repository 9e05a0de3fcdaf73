internal import SegBackend

// MARK: Two tensors

/// a + b, `torch.add`, element by element.
///
/// **Shapes**: a and b are broadcast as in NumPy and PyTorch (`Shape.broadcast`); this holds for every op of two tensors.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func add(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    let y = try applied(.add, a, b)
    let (first, second) = (a.target, b.target)
    return result(y, op: "add", .add, of: [a, b]) { upstream, sink in
        try sink.add(upstream, on: a.backend, toRepeated: first)
        try sink.add(upstream, on: a.backend, toRepeated: second)
    }
}

/// a − b, `torch.sub`; shapes as in `add`.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func subtract(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    let y = try applied(.subtract, a, b)
    let (backend, first, second) = (a.backend, a.target, b.target)
    return result(y, op: "subtract", of: [a, b]) { upstream, sink in
        if second.node != nil {
            let negative = try scale(Tensor(upstream, on: backend), by: -1)
            try sink.add(negative.view, on: backend, toRepeated: second)
        }
        try sink.add(upstream, on: backend, toRepeated: first)
    }
}

/// a · b, `torch.mul`; shapes as in `add`.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func multiply(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    try differentiable(.multiply, a, b) { g, _, b, _ in
        try multiply(g, b)
    } _: { g, a, _, _ in
        try multiply(g, a)
    }
}

/// a / b, `torch.div`; shapes as in `add`. A division by 0 is infinite, or NaN for 0 / 0.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func divide(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    try differentiable(.divide, a, b) { g, _, b, _ in
        try divide(g, b)
    } _: { g, _, b, y in
        try scale(multiply(g, divide(y, b)), by: -1)
    }
}

/// The larger of a and b, `torch.maximum`; shapes as in `add`. NaN if either is NaN.
///
/// If both are equal, each receives half of the gradient.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func maximum(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    try differentiable(.maximum, a, b) { g, a, b, _ in
        try multiply(g, shareOfTheWinner(equal(a, b), lost: less(a, b)))
    } _: { g, a, b, _ in
        try multiply(g, shareOfTheWinner(equal(a, b), lost: less(b, a)))
    }
}

/// The smaller of a and b, `torch.minimum`; shapes as in `add`. NaN if either is NaN.
///
/// If both are equal, each receives half of the gradient.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func minimum(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    try differentiable(.minimum, a, b) { g, a, b, _ in
        try multiply(g, shareOfTheWinner(equal(a, b), lost: less(b, a)))
    } _: { g, a, b, _ in
        try multiply(g, shareOfTheWinner(equal(a, b), lost: less(a, b)))
    }
}

/// Returns an operand's share of the gradient of `maximum` or `minimum`: 1 if the operand is the result, 0 if it is not,
/// and ½ if both operands are equal.
private func shareOfTheWinner(_ tie: Tensor, lost: Tensor) throws -> Tensor {
    try subtract(1 - lost, scale(tie, by: 0.5))
}

/// aᵇ, `torch.pow`; shapes as in `add`. The gradient with respect to a is 0 if b is 0. The gradient with respect to b
/// is 0 if a is 0 and b is 0 or more.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func pow(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    try differentiable(.power, a, b) { g, a, b, _ in
        try masked(multiply(g, multiply(b, pow(a, b - 1))), where: 1 - equal(b, zero(b)))
    } _: { g, a, b, y in
        let none = try multiply(equal(a, zero(a)), greaterOrEqual(b, zero(b)))
        return try masked(multiply(g, multiply(y, log(a))), where: 1 - none)
    }
}

/// a where the condition is not 0, else 0, even if a is NaN or infinite there; shapes as in `add`.
///
/// The condition has no gradient.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func masked(_ a: Tensor, where condition: Tensor) throws -> Tensor {
    try differentiable(.mask, a, condition.detached) { g, _, condition, _ in
        try masked(g, where: condition)
    } _: { g, _, _, _ in
        g
    }
}

/// a where the condition is not 0, else b, `torch.where`; shapes as in `add`. The condition has no gradient.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func select(_ condition: Tensor, _ a: Tensor, else b: Tensor) throws -> Tensor {
    try add(masked(a, where: condition), masked(b, where: equal(condition, zero(condition))))
}

// MARK: Comparisons

/// 1 where a = b, else 0, `torch.eq`; shapes as in `add`. NaN equals nothing. Like all comparisons it has no gradient.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func equal(_ a: Tensor, _ b: Tensor) throws -> Tensor { try compared(.equal, a, b) }

/// 1 where a < b, else 0, `torch.lt`; shapes as in `add`.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func less(_ a: Tensor, _ b: Tensor) throws -> Tensor { try compared(.less, a, b) }

/// 1 where a ≤ b, else 0, `torch.le`; shapes as in `add`.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func lessOrEqual(_ a: Tensor, _ b: Tensor) throws -> Tensor { try compared(.lessOrEqual, a, b) }

/// 1 where a > b, else 0, `torch.gt`; shapes as in `add`.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func greater(_ a: Tensor, _ b: Tensor) throws -> Tensor { try compared(.less, b, a) }

/// 1 where a ≥ b, else 0, `torch.ge`; shapes as in `add`.
/// - Throws: `TensorError` if the shapes do not fit; `BackendError` from the backend.
public func greaterOrEqual(_ a: Tensor, _ b: Tensor) throws -> Tensor { try compared(.lessOrEqual, b, a) }

private func compared(_ op: BinaryOp, _ a: Tensor, _ b: Tensor) throws -> Tensor {
    Tensor(try applied(op, a, b), on: a.backend)
}

/// Returns a tensor with a single 0, to be broadcast along another tensor.
private func zero(_ x: Tensor) throws -> Tensor { try Tensor(repeating: 0, shape: [1], on: x.backend) }

// MARK: One tensor

/// eˣ, `torch.exp`.
/// - Throws: `TensorError` if x holds integers; `BackendError` from the backend.
public func exp(_ x: Tensor) throws -> Tensor { try differentiable(.exp, x) { g, _, y in try multiply(g, y) } }

/// The natural logarithm, `torch.log`: −∞ for 0, NaN for negative numbers.
/// - Throws: `TensorError` if x holds integers; `BackendError` from the backend.
public func log(_ x: Tensor) throws -> Tensor { try differentiable(.log, x) { g, x, _ in try divide(g, x) } }

/// log(1 + x), exact for small x, `torch.log1p`.
/// - Throws: `TensorError` if x holds integers; `BackendError` from the backend.
public func log1p(_ x: Tensor) throws -> Tensor { try differentiable(.log1p, x) { g, x, _ in try divide(g, x + 1) } }

/// √x, `torch.sqrt`: NaN for negative numbers. The gradient at 0 is infinite.
/// - Throws: `TensorError` if x holds integers; `BackendError` from the backend.
public func sqrt(_ x: Tensor) throws -> Tensor {
    try differentiable(.sqrt, x) { g, _, y in try divide(scale(g, by: 0.5), y) }
}

/// 1 / x, `torch.reciprocal`.
/// - Throws: `TensorError` if x holds integers; `BackendError` from the backend.
public func reciprocal(_ x: Tensor) throws -> Tensor {
    try differentiable(.reciprocal, x) { g, _, y in try scale(multiply(g, multiply(y, y)), by: -1) }
}

/// |x|, `torch.abs`. The gradient at 0 is 0.
/// - Throws: `TensorError` if x holds integers; `BackendError` from the backend.
public func abs(_ x: Tensor) throws -> Tensor { try differentiable(.abs, x) { g, x, _ in try multiply(g, sign(x)) } }

/// −1, 0 or 1, `torch.sign`; the gradient is 0.
/// - Throws: `TensorError` if x holds integers; `BackendError` from the backend.
public func sign(_ x: Tensor) throws -> Tensor { Tensor(try applied(.sign, x), on: x.backend) }

/// factor · x.
///
/// - Throws: `TensorError` if x holds integers; `BackendError` from the backend.
public func scale(_ x: Tensor, by factor: Float) throws -> Tensor {
    try requireFloats("scale", x)
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

// MARK: From labels

/// Converts labels to floating-point numbers, `labels.float()`; without a gradient.
/// - Throws: `TensorError` if the labels are not integers; `BackendError` from the backend.
public func floats(of labels: Tensor) throws -> Tensor {
    try require(labels.view.dtype == .i32, "floats", "labels are \(labels.view.dtype); make them with Tensor(labels:)")
    let y = try labels.backend.allocate(labels.shape, labels.backend.scalar)
    try labels.backend.cast(labels.view, into: y)
    return Tensor(y, on: labels.backend)
}

/// One-hot encoding: 1 for the class of a label, 0 for the others, `torch.nn.functional.one_hot`; without a gradient.
///
/// **Shapes**: labels i32 `[…]`, result `[…, classes]`. A label outside 0 ..< classes gives zeros only.
/// - Throws: `TensorError` if the labels are not integers; `BackendError` from the backend.
public func oneHot(_ labels: Tensor, classes: Int) throws -> Tensor {
    let column = try reshape(floats(of: labels), Shape(labels.shape.dimensions + [1]))
    return try equal(column, Tensor((0..<classes).map(Float.init), shape: [classes], on: labels.backend))
}

// MARK: Gradients

/// An operand's contribution to a gradient, in the shape of the result, from upstream gradient, operands and result.
private typealias Share = (_ upstream: Tensor, _ a: Tensor, _ b: Tensor, _ y: Tensor) throws -> Tensor

/// Applies an op to two tensors, with a contribution per operand; each contribution is in memory of its own.
private func differentiable(
    _ op: BinaryOp, _ a: Tensor, _ b: Tensor, _ first: @escaping Share, _ second: @escaping Share
) throws -> Tensor {
    let y = try applied(op, a, b)
    let (backend, keptA, keptB) = (a.backend, SavedInput(a), SavedInput(b))
    return result(y, op: op.rawValue, op == .multiply ? .multiply : nil, of: [a, b]) { upstream, sink in
        let g = Tensor(upstream, on: backend)
        let left = Tensor(try keptA.elements(), on: backend)
        let right = Tensor(try keptB.elements(), on: backend)
        for (target, share) in [(keptA.target, first), (keptB.target, second)] where target.node != nil {
            let gradient = try reduced(share(g, left, right, Tensor(y, on: backend)), to: target.shape)
            try sink.give(gradient.view, to: target)
        }
    }
}

/// Applies an op to one tensor, with its gradient from upstream gradient, operand and result.
private func differentiable(
    _ op: UnaryOp, _ x: Tensor,
    _ gradient: @escaping (_ upstream: Tensor, _ x: Tensor, _ y: Tensor) throws -> Tensor
) throws -> Tensor {
    let y = try applied(op, x)
    let (backend, kept) = (x.backend, SavedInput(x))
    return result(y, op: op.rawValue, of: [x]) { upstream, sink in
        let (g, x) = (Tensor(upstream, on: backend), Tensor(try kept.elements(), on: backend))
        try sink.give(gradient(g, x, Tensor(y, on: backend)).view, to: kept.target)
    }
}

private func applied(_ op: BinaryOp, _ a: Tensor, _ b: Tensor) throws -> BufferView {
    try requireFloats(op.rawValue, a)
    try requireFloats(op.rawValue, b)
    guard let shape = a.shape.broadcast(with: b.shape) else {
        throw TensorError(
            op: op.rawValue,
            "\(a.shape) and \(b.shape) cannot be broadcast to one shape: from the last axis on, sizes must "
                + "be equal, or one of them 1")
    }
    let y = try a.backend.allocate(shape, a.view.dtype)
    try a.backend.binary(op, a.view, b.view, into: y)
    return y
}

private func applied(_ op: UnaryOp, _ x: Tensor) throws -> BufferView {
    try requireFloats(op.rawValue, x)
    let y = try x.backend.allocate(x.shape, x.view.dtype)
    try x.backend.unary(op, x.view, into: y)
    return y
}

private func requireFloats(_ op: String, _ x: Tensor) throws {
    try require(
        x.view.dtype.isFloating, op,
        "\(x.shape) holds \(x.view.dtype); convert labels with floats(of:) or oneHot")
}

extension GradientSink {
    /// Adds a gradient in a result's shape to the gradient of an operand that may have been broadcast to that shape.
    fileprivate func add(_ upstream: BufferView, on backend: any Backend, toRepeated target: GradientTarget) throws {
        guard target.node != nil else { return }
        if upstream.shape.count == target.shape.count { return try pass(upstream, to: target) }
        try give(reduced(Tensor(upstream, on: backend), to: target.shape).view, to: target)
    }
}
