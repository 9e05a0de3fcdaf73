internal import SegBackend

/// What an op leaves behind for the way back: where its inputs came from and how its gradient reaches them.
final class GradientNode {
    let op: String
    let parents: [GradientNode]
    /// Receives the gradient of the op's output; dropped after its one use, and with it what it saved.
    var backward: ((_ upstream: BufferView, _ sink: GradientSink) throws -> Void)?
    /// Whether a walk has used and dropped `backward`.
    var isSpent = false

    init(
        op: String, parents: [GradientNode],
        backward: ((_ upstream: BufferView, _ sink: GradientSink) throws -> Void)?
    ) {
        self.op = op
        self.parents = parents
        self.backward = backward
    }
}

/// Collects gradients of nodes, letting every backward op write its share in place.
final class GradientSink {
    private struct Slot {
        var view: BufferView
        /// Whether the sink may add to the memory; false where it is another node's gradient handed on.
        var isOwned: Bool
    }

    private let backend: any Backend
    private var slots: [ObjectIdentifier: Slot] = [:]

    init(backend: any Backend) { self.backend = backend }

    /// Lets `write(destination, accumulate)` add a share of the gradient of x; nothing happens if x is not tracked.
    func add(to x: Tensor, _ write: (_ destination: BufferView, _ accumulate: Bool) throws -> Void) throws {
        guard let node = x.node else { return }
        let key = ObjectIdentifier(node)
        if let slot = slots[key] {
            let owned = slot.isOwned ? slot.view : try copy(slot.view)
            try write(owned, true)
            slots[key] = Slot(view: owned, isOwned: true)
        } else {
            let view = try backend.allocate(x.shape, x.view.dtype)
            try write(view, false)
            slots[key] = Slot(view: view, isOwned: true)
        }
    }

    /// Hands a gradient of x's shape on, without copying it unless there is one already.
    func pass(_ upstream: BufferView, to x: Tensor) throws {
        guard let node = x.node else { return }
        let upstream = upstream.reshaped(x.shape)
        guard slots[ObjectIdentifier(node)] != nil else {
            slots[ObjectIdentifier(node)] = Slot(view: upstream, isOwned: false)
            return
        }
        try add(to: x) { destination, _ in try backend.binary(.add, destination, upstream, into: destination) }
    }

    /// The gradient that reached a node.
    func gradient(of node: GradientNode) -> BufferView? { slots[ObjectIdentifier(node)]?.view }

    /// Takes the gradient that reached a node, so that its memory ends with its use.
    func take(_ node: GradientNode) -> BufferView? { slots.removeValue(forKey: ObjectIdentifier(node))?.view }

    private func copy(_ view: BufferView) throws -> BufferView {
        let copy = try backend.allocate(view.shape, view.dtype)
        try backend.scale(view, by: 1, into: copy, times: 0)
        return copy
    }
}

/// The gradients of one scalar for the leaves it depends on.
public struct Gradients {
    private let sink: GradientSink

    init(_ sink: GradientSink) { self.sink = sink }

    /// The gradient of a leaf made by `tracked()`; nil where the scalar does not depend on it.
    public subscript(leaf: Tensor) -> Tensor? {
        guard let node = leaf.node, let view = sink.gradient(of: node) else { return nil }
        return Tensor(view, on: leaf.backend)
    }
}

extension Tensor {
    /// Walks the graph back from this tensor and returns the gradients of its leaves.
    ///
    /// The graph's saved tensors are released on the way: a graph is walked once.
    /// - Parameter upstream: The gradient of this tensor; nil means 1, for a tensor of one element.
    /// - Throws: `TensorError` where this tensor has no history; `BackendError` from the backend.
    public func gradients(upstream: Tensor?) throws -> Gradients {
        guard let root = node else { throw TensorError(op: "gradients", "the tensor depends on no tracked leaf") }
        try require(
            upstream != nil || shape.count == 1, "gradients", "\(shape) is not a scalar: its own gradient is needed")
        let seed = try upstream ?? Tensor(repeating: 1, shape: shape, on: backend)
        let sink = GradientSink(backend: backend)
        try sink.pass(seed.view, to: self)
        try sink.walk(from: root, stoppingAt: [])
        return Gradients(sink)
    }
}

extension GradientSink {
    /// Takes every node's gradient to its parents, from the root down to nodes that are left for another walk.
    func walk(from root: GradientNode, stoppingAt ends: [GradientNode]) throws {
        for node in GradientNode.reverseOrder(from: root, stoppingAt: ends) {
            try require(
                !node.isSpent, "gradients", "the graph through \(node.op) was walked before; run the forward pass again"
            )
            guard let backward = node.backward, let upstream = take(node) else { continue }
            try backward(upstream, self)
            node.backward = nil
            node.isSpent = true
        }
    }
}

extension GradientNode {
    /// Every node before its parents, from the root down to the ends, which are left out.
    fileprivate static func reverseOrder(from root: GradientNode, stoppingAt ends: [GradientNode]) -> [GradientNode] {
        var order: [GradientNode] = []
        var seen = Set(ends.map(ObjectIdentifier.init))
        var stack: [(node: GradientNode, expanded: Bool)] = [(root, false)]
        while let (node, expanded) = stack.popLast() {
            if expanded {
                order.append(node)
            } else if seen.insert(ObjectIdentifier(node)).inserted {
                stack.append((node, true))
                for parent in node.parents where !seen.contains(ObjectIdentifier(parent)) {
                    stack.append((parent, false))
                }
            }
        }
        return order.reversed()
    }
}

/// Makes an op's result, recorded where any input is tracked.
func result(
    _ view: BufferView, op: String, of inputs: [Tensor?],
    backward: @escaping (_ upstream: BufferView, _ sink: GradientSink) throws -> Void
) -> Tensor {
    let backend = inputs.lazy.compactMap { $0 }.first?.backend
    guard let backend else { preconditionFailure("\(op) has no input") }
    let parents = inputs.compactMap { $0?.node }
    guard !parents.isEmpty else { return Tensor(view, on: backend) }
    return Tensor(view, on: backend, node: GradientNode(op: op, parents: parents, backward: backward))
}
