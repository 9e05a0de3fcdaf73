internal import SegBackend
internal import SegCore
internal import SegWeights

/// A value that flows between the nodes of an ONNX graph, by its name.
struct ONNXValue {
    let name: String

    /// An optional input that is left out.
    static let absent = ONNXValue(name: "")
}

/// An attribute of an ONNX node.
enum ONNXAttribute {
    case int(String, Int)
    case ints(String, [Int])
    case float(String, Float)
    case text(String, String)
}

/// A network's nodes and what goes in and out.
struct ONNXNetwork {
    let inputChannels: Int
    let outputChannels: Int
    /// The extents of the volume where they are fixed; nil for any.
    var size: Triple?
    let logits: ONNXValue
}

/// An ONNX graph while it is built: nodes in the order they run, and the arrays they take.
///
/// Volumes are channels-first, `[N, C, D, H, W]`; arrays keep their `state_dict` names and layouts. ONNX operator
/// set 21.
struct ONNXGraph {
    /// Where the arrays come from.
    let state: [String: StoredTensor]
    private let source: String
    private(set) var nodes: [(op: String, inputs: [String], output: String, attributes: [ONNXAttribute])] = []
    private(set) var arrays: [(name: String, tensor: StoredTensor)] = []
    private var known: Set<String> = []

    init(state: [String: StoredTensor], source: String) {
        self.state = state
        self.source = source
    }

    /// Adds a node with one output.
    mutating func node(_ op: String, _ inputs: [ONNXValue], _ attributes: [ONNXAttribute] = []) -> ONNXValue {
        let output = "\(op)_\(nodes.count)"
        nodes.append((op, inputs.map(\.name), output, attributes))
        return ONNXValue(name: output)
    }

    /// An array of the network, as 32-bit floats, in another shape where ONNX wants one.
    /// - Throws: `DataError` where the weights have none of that name.
    mutating func parameter(_ name: String, shape: [Int]? = nil) throws -> ONNXValue {
        guard let stored = state[name] else {
            throw DataError(.badData, source, "the weights have no '\(name)', which the network needs")
        }
        return array(name, StoredTensor(stored.floats(), shape: shape ?? stored.shape))
    }

    /// Whole numbers, such as a shape.
    mutating func integers(_ values: [Int]) -> ONNXValue {
        let name = "integers_" + values.map { $0 < 0 ? "m\(-$0)" : "\($0)" }.joined(separator: "_")
        return array(name, StoredTensor(values.map(Int64.init), shape: [values.count]))
    }

    /// One number without axes, which ONNX broadcasts.
    mutating func number(_ value: Float) -> ONNXValue {
        array("number_\(value)", StoredTensor([value], shape: []))
    }

    /// An array that is no parameter, such as the scale of a norm that has none.
    mutating func array(_ name: String, _ tensor: StoredTensor) -> ONNXValue {
        if known.insert(name).inserted { arrays.append((name, tensor)) }
        return ONNXValue(name: name)
    }
}
