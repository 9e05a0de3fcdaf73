internal import SegBackend

/// What an op leaves behind for the way back: where its inputs came from and how its gradient reaches them.
final class GradientNode {
    /// The op of a block whose graph is made while it is walked.
    static let recomputed = "recomputed"

    let op: String
    let parents: [GradientNode]
    /// Receives the gradient of the op's output; dropped after its one use, and with it what it saved.
    var backward: ((_ upstream: consuming BufferView, _ sink: GradientSink) throws -> Void)?
    /// Whether a walk has used and dropped `backward`.
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

/// Collects gradients of nodes, letting every backward op write its share in place.
final class GradientSink {
    private struct Slot {
        var view: BufferView
        /// Whether the sink may add to the memory; false where it is another node's gradient handed on.
        var isOwned: Bool
    }

    private let backend: any Backend
    private var slots: [ObjectIdentifier: Slot] = [:]
    /// The nodes that the gradient of the node being walked was handed on to.
    private var receivers: [ObjectIdentifier] = []

    init(backend: any Backend) { self.backend = backend }

    /// Lets `write(destination, accumulate)` add a share of the gradient of x; nothing happens if x is not tracked.
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

    /// Hands the upstream gradient on to an input of as many elements, without copying it unless there is one already.
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

    /// Hands over a gradient of as many elements as x has, in memory that nobody else reads.
    func give(_ gradient: BufferView, to x: GradientTarget) throws {
        guard let node = x.node else { return }
        let gradient = gradient.reshaped(x.shape)
        guard slots[ObjectIdentifier(node)] != nil else {
            slots[ObjectIdentifier(node)] = Slot(view: gradient, isOwned: true)
            return
        }
        try add(to: x) { destination, _ in try backend.binary(.add, destination, gradient, into: destination) }
    }

    /// Calls `backward` with the gradient that reached a node, if any did, and ends with it.
    fileprivate func runBackward(
        _ node: GradientNode, _ backward: (consuming BufferView, GradientSink) throws -> Void
    ) throws {
        guard let slot = slots.removeValue(forKey: ObjectIdentifier(node)) else { return }
        let isOwned = slot.isOwned
        let outer = receivers
        receivers = []
        try backward((consume slot).view, self)
        // Handed on to one node only, it is that node's own from now on.
        if isOwned, receivers.count == 1 { slots[receivers[0]]?.isOwned = true }
        receivers = outer
        node.backward = nil
        node.wasWalked = true
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
    public func gradients(upstream: Tensor? = nil) throws -> Gradients {
        let (root, sink) = try startOfWalk(upstream)
        try sink.walk(from: root, stoppingAt: [])
        return Gradients(sink)
    }

    /// Walks as `gradients` does from a scalar, and hands over the gradient of each leaf as soon as nothing can be added
    /// to it, so that no two need be held at a time; where blocks are recomputed, which hides what they read, at the end.
    ///
    /// Whoever takes a leaf's gradient may overwrite the leaf: nothing that is still to be walked reads it.
    /// - Parameter take: Called once for each leaf that the scalar depends on, with its number in `leaves`.
    /// - Throws: `TensorError` where this tensor has no history; `BackendError` from the backend; what `take` throws.
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

    /// The node to walk from and a sink that holds its gradient.
    private func startOfWalk(_ upstream: Tensor?) throws -> (root: GradientNode, sink: GradientSink) {
        guard let root = node else { throw TensorError(op: "gradients", "the tensor depends on no tracked leaf") }
        try require(
            upstream != nil || shape.count == 1, "gradients", "\(shape) is not a scalar: its own gradient is needed")
        let seed = try upstream ?? Tensor(repeating: 1, shape: shape, on: backend)
        let sink = GradientSink(backend: backend)
        try sink.pass(seed.view, to: self)
        return (root, sink)
    }
}

extension GradientSink {
    /// Takes every node's gradient to its parents, from the root down to nodes that are left for another walk.
    /// - Parameter completed: Called for a leaf when the last node that depends on it was walked; never where a node
    ///   walks a graph of its own, which may depend on any leaf.
    func walk(
        from root: GradientNode, stoppingAt ends: [GradientNode],
        completed: ((_ leaf: GradientNode) throws -> Void)? = nil
    ) throws {
        let order = GradientNode.reverseOrder(from: root, stoppingAt: ends)
        let counts = completed != nil && !order.contains(where: \.hasInnerGraph)
        var uses = counts ? GradientNode.uses(of: order) : [:]
        // Before anything is computed: what an earlier walk has overwritten must not be read.
        if let walked = order.first(where: \.wasWalked) {
            throw TensorError(
                op: "gradients", "the graph through \(walked.op) was walked before; run the forward pass again")
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
    /// Whether walking this node walks another graph.
    fileprivate var hasInnerGraph: Bool { op == Self.recomputed }

    /// How often the leaves are named as parents.
    fileprivate static func uses(of order: [GradientNode]) -> [ObjectIdentifier: Int] {
        var uses: [ObjectIdentifier: Int] = [:]
        for node in order {
            for parent in node.parents where parent.backward == nil && parent.parents.isEmpty {
                uses[ObjectIdentifier(parent), default: 0] += 1
            }
        }
        return uses
    }

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
///
/// - Parameters:
///   - recorded: What the op computes, for an `OpRecording`; nil for an op that no network's forward pass is made of.
///   - remake: Makes the result again from what `backward` keeps anyway; nil where it is kept itself.
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
