internal import SegBackend

/// The target of a gradient: the node, shape and type of an op's input. The graph need not keep the input's elements.
struct GradientTarget {
    let node: GradientNode?
    let shape: Shape
    let dtype: DType
}

/// The part of an input that an op keeps for its gradient: the elements, or a function that recomputes them.
struct SavedInput {
    /// The target of the input's gradient.
    let target: GradientTarget
    private let view: BufferView?
    private let remake: (() throws -> BufferView)?

    init(_ x: Tensor) {
        target = x.target
        remake = x.remake
        view = x.remake == nil ? x.view : nil
    }

    /// Whether `elements` returns an array that belongs to the caller alone.
    var isRemade: Bool { view == nil }

    /// Returns the elements, recomputed if they were not kept.
    func elements() throws -> BufferView {
        if let view { return view }
        guard let remake else { preconditionFailure("an input is kept or made again") }
        return try remake()
    }
}

extension Tensor {
    /// The target of the tensor's gradient.
    var target: GradientTarget { GradientTarget(node: node, shape: shape, dtype: view.dtype) }
}
