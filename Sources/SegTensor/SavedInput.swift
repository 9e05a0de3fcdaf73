internal import SegBackend

/// Where a gradient goes: an input of an op without its elements, which the graph need not keep.
struct GradientTarget {
    let node: GradientNode?
    let shape: Shape
    let dtype: DType
}

/// What an op keeps of an input for its gradient: the elements, or how they are made again.
struct SavedInput {
    /// Where the input's gradient goes.
    let target: GradientTarget
    private let view: BufferView?
    private let remake: (() throws -> BufferView)?

    init(_ x: Tensor) {
        target = x.target
        remake = x.remake
        view = x.remake == nil ? x.view : nil
    }

    /// Whether `elements` are an array of the caller's own.
    var isRemade: Bool { view == nil }

    /// The elements.
    func elements() throws -> BufferView {
        if let view { return view }
        guard let remake else { preconditionFailure("an input is kept or made again") }
        return try remake()
    }
}

extension Tensor {
    /// Where its gradient goes.
    var target: GradientTarget { GradientTarget(node: node, shape: shape, dtype: view.dtype) }
}
