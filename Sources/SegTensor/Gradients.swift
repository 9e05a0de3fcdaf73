internal import SegBackend

/// A node of the gradient graph (`grad_fn`): an op, the nodes of the op's inputs, and a function. The function computes
/// the gradients of the inputs from the gradient of the output.
final class GradientNode {
    /// The op name of a recomputed block, whose graph is built during the backward pass.
    static let recomputed = "recomputed"

    let op: String
    let parents: [GradientNode]
    /// The backward function, called with the gradient of the op's output; released after its only call, with the
    /// tensors it saved.
    var backward: ((_ upstream: consuming BufferView, _ sink: GradientSink) throws -> Void)?
    /// Whether a backward pass has called and released `backward`.
    var wasWalked = false

    init(
        op: String, parents: [GradientNode],
        backward: ((_ upstream: consuming BufferView, _ sink: GradientSink) throws -> Void)?
    ) {
        self.op = op
        self.parents = parents
        self.backward = backward
    }
}

/// The gradients of nodes during a backward pass, to which every backward op adds its contribution in place.
final class GradientSink {
    private struct Slot {
        var view: BufferView
        /// Whether the sink may add to the memory; false if it is the gradient of another node, passed on without a copy.
        var isOwned: Bool
    }

    private let backend: any Backend
    private var slots: [ObjectIdentifier: Slot] = [:]
    /// The nodes to which the gradient of the current node was passed on.
    private var receivers: [ObjectIdentifier] = []

    init(backend: any Backend) { self.backend = backend }

    /// Adds a contribution to the gradient of x by `write(destination, accumulate)`; does nothing if x is not tracked.
    func add(
        to x: GradientTarget, _ write: (_ destination: BufferView, _ accumulate: Bool) throws -> Void
    ) throws {
        guard let node = x.node else { return }
        let key = ObjectIdentifier(node)
        if let slot = slots[key] {
            let owned = slot.isOwned ? slot.view : try copy(slot.view)
            try write(owned, true)
            slots[key] = Slot(view: owned, isOwned: true)
        } else {
            let view = try backend.allocate(x.shape, x.dtype)
            try write(view, false)
            slots[key] = Slot(view: view, isOwned: true)
        }
    }

    /// `add` for an input that the op has kept.
    func add(to x: Tensor, _ write: (_ destination: BufferView, _ accumulate: Bool) throws -> Void) throws {
        try add(to: x.target, write)
    }

    /// `pass` for an input that the op has kept.
    func pass(_ upstream: BufferView, to x: Tensor) throws { try pass(upstream, to: x.target) }

    /// Passes the upstream gradient on to an input with the same number of elements. If the input already has a gradient,
    /// the upstream gradient is added; otherwise nothing is copied.
    func pass(_ upstream: BufferView, to x: GradientTarget) throws {
        guard let node = x.node else { return }
        let upstream = upstream.reshaped(x.shape)
        guard slots[ObjectIdentifier(node)] != nil else {
            slots[ObjectIdentifier(node)] = Slot(view: upstream, isOwned: false)
            receivers.append(ObjectIdentifier(node))
            return
        }
        try add(to: x) { destination, _ in try backend.binary(.add, destination, upstream, into: destination) }
    }

    /// `give` for an input that the op has kept.
    func give(_ gradient: BufferView, to x: Tensor) throws { try give(gradient, to: x.target) }

    /// Gives x a gradient with as many elements as x has, in memory that nothing else reads.
    func give(_ gradient: BufferView, to x: GradientTarget) throws {
        guard let node = x.node else { return }
        let gradient = gradient.reshaped(x.shape)
        guard slots[ObjectIdentifier(node)] != nil else {
            slots[ObjectIdentifier(node)] = Slot(view: gradient, isOwned: true)
            return
        }
        try add(to: x) { destination, _ in try backend.binary(.add, destination, gradient, into: destination) }
    }

    /// Calls `backward` with the gradient of a node, if it has one, and releases that gradient.
    fileprivate func runBackward(
        _ node: GradientNode, _ backward: (consuming BufferView, GradientSink) throws -> Void
    ) throws {
        guard let slot = slots.removeValue(forKey: ObjectIdentifier(node)) else { return }
        let isOwned = slot.isOwned
        let outer = receivers
        receivers = []
        try backward((consume slot).view, self)
        // If the gradient was passed on to a single node, it belongs to that node from now on.
        if isOwned, receivers.count == 1 { slots[receivers[0]]?.isOwned = true }
        receivers = outer
        node.backward = nil
        node.wasWalked = true
    }

    /// Returns the gradient of a node; nil if it has none.
    func gradient(of node: GradientNode) -> BufferView? { slots[ObjectIdentifier(node)]?.view }

    /// Removes and returns the gradient of a node, so its memory is released after use.
    func take(_ node: GradientNode) -> BufferView? { slots.removeValue(forKey: ObjectIdentifier(node))?.view }

    private func copy(_ view: BufferView) throws -> BufferView {
        let copy = try backend.allocate(view.shape, view.dtype)
        try backend.scale(view, by: 1, into: copy, times: 0)
        return copy
    }
}

/// The gradients of one scalar with respect to the leaves it depends on.
public struct Gradients {
    private let sink: GradientSink

    init(_ sink: GradientSink) { self.sink = sink }

    /// The gradient of a leaf made by `tracked()`; nil if the scalar does not depend on it.
    public subscript(leaf: Tensor) -> Tensor? {
        guard let node = leaf.node, let view = sink.gradient(of: node) else { return nil }
        return Tensor(view, on: leaf.backend)
    }
}

extension Tensor {
    /// Runs the backward pass from this tensor and returns the gradients of its leaves.
    ///
    /// The pass releases the graph's saved tensors; therefore a graph allows one backward pass only.
    /// - Parameter upstream: The gradient of this tensor; nil means 1, for a tensor of one element.
    /// - Throws: `TensorError` if this tensor has no history; `BackendError` from the backend.
    public func gradients(upstream: Tensor? = nil) throws -> Gradients {
        let (root, sink) = try startOfWalk(upstream)
        try sink.walk(from: root, stoppingAt: [])
        return Gradients(sink)
    }

    /// Runs the backward pass from a scalar and passes the gradient of each leaf to `take` as soon as it is complete,
    /// so no two gradients need to be in memory at a time. If blocks are recomputed, it passes the gradients at the
    /// end, because the inner graph of a block may depend on any leaf.
    ///
    /// `take` may overwrite the leaf, because the rest of the backward pass does not read it.
    /// - Parameter take: Called once for each leaf that the scalar depends on, with the index of the leaf in `leaves`.
    /// - Throws: `TensorError` if this tensor has no history; `BackendError` from the backend; the errors of `take`.
    public func forEachGradient(
        of leaves: [Tensor], _ take: @escaping (_ leaf: Int, _ gradient: Tensor) throws -> Void
    ) throws {
        var numbers: [ObjectIdentifier: Int] = [:]
        for (number, leaf) in leaves.enumerated() { leaf.node.map { numbers[ObjectIdentifier($0)] = number } }
        let (root, sink) = try startOfWalk(nil)
        func handOver(_ node: GradientNode) throws {
            guard let number = numbers[ObjectIdentifier(node)], let view = sink.take(node) else { return }
            try take(number, Tensor(view, on: backend))
        }
        try sink.walk(from: root, stoppingAt: [], completed: handOver)
        for leaf in leaves { try leaf.node.map(handOver) }
    }

    /// Returns the node at which the backward pass starts and a sink that holds its gradient.
    private func startOfWalk(_ upstream: Tensor?) throws -> (root: GradientNode, sink: GradientSink) {
        guard let root = node else { throw TensorError(op: "gradients", "the tensor depends on no tracked leaf") }
        try require(
            upstream != nil || shape.count == 1, "gradients", "\(shape) is not a scalar; give its gradient as upstream")
        let seed = try upstream ?? Tensor(repeating: 1, shape: shape, on: backend)
        let sink = GradientSink(backend: backend)
        try sink.pass(seed.view, to: self)
        return (root, sink)
    }
}

extension GradientSink {
    /// Propagates every node's gradient to its parents, from the root to the nodes in `ends`. Another walk continues there.
    /// - Parameter completed: Called for a leaf after the last node that depends on it; never called if a node has an
    ///   inner graph, which may depend on any leaf.
    func walk(
        from root: GradientNode, stoppingAt ends: [GradientNode],
        completed: ((_ leaf: GradientNode) throws -> Void)? = nil
    ) throws {
        let order = GradientNode.reverseOrder(from: root, stoppingAt: ends)
        let counts = completed != nil && !order.contains(where: \.hasInnerGraph)
        var uses = counts ? GradientNode.uses(of: order) : [:]
        // This check precedes all computation, because memory that an earlier backward pass has overwritten must not be read.
        if let walked = order.first(where: \.wasWalked) {
            throw TensorError(
                op: "gradients", "the graph through \(walked.op) was already used; run the forward pass again")
        }
        for node in order {
            if let backward = node.backward { try runBackward(node, backward) }
            for parent in node.parents {
                guard let left = uses[ObjectIdentifier(parent)] else { continue }
                uses[ObjectIdentifier(parent)] = left - 1
                if left == 1 { try completed?(parent) }
            }
        }
    }
}

extension GradientNode {
    /// Whether the backward function of this node runs the backward pass of an inner graph.
    fileprivate var hasInnerGraph: Bool { op == Self.recomputed }

    /// Counts how often each leaf is a parent.
    fileprivate static func uses(of order: [GradientNode]) -> [ObjectIdentifier: Int] {
        var uses: [ObjectIdentifier: Int] = [:]
        for node in order {
            for parent in node.parents where parent.backward == nil && parent.parents.isEmpty {
                uses[ObjectIdentifier(parent), default: 0] += 1
            }
        }
        return uses
    }

    /// Returns every node before its parents, from the root to the ends, which are left out.
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

/// Makes an op's result, with a gradient node if any input is tracked.
///
/// - Parameters:
///   - recorded: The description of the op for an `OpRecording`; nil for an op that no network's forward pass contains.
///   - remake: Recomputes the result from values that `backward` keeps anyway; nil if the result itself is kept.
func result(
    _ view: BufferView, op: String, _ recorded: @autoclosure () -> RecordedOp? = nil, of inputs: [Tensor?],
    remake: (() throws -> BufferView)? = nil,
    backward: @escaping (_ upstream: consuming BufferView, _ sink: GradientSink) throws -> Void
) -> Tensor {
    let backend = inputs.lazy.compactMap { $0 }.first?.backend
    guard let backend else { preconditionFailure("\(op) has no input") }
    OpRecording.add(op, recorded(), of: inputs.map { $0?.view }, result: view)
    let parents = inputs.compactMap { $0?.node }
    guard !parents.isEmpty else { return Tensor(view, on: backend) }
    return Tensor(view, on: backend, node: GradientNode(op: op, parents: parents, backward: backward), remake: remake)
}
