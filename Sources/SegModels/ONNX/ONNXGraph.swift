/// A value that flows between the nodes of an ONNX graph, identified by its name.
struct ONNXValue {
    let name: String

    /// An omitted optional input.
    static let absent = ONNXValue(name: "")
}

/// An attribute of an ONNX node.
enum ONNXAttribute: Equatable {
    case int(String, Int)
    case ints(String, [Int])
    case float(String, Float)
    case text(String, String)
}

/// A node of an ONNX graph, with one output.
struct ONNXNode: Equatable {
    let op: String
    let inputs: [String]
    let output: String
    let attributes: [ONNXAttribute]
}

/// An array that nodes of an ONNX graph read.
struct ONNXArray: Equatable {
    /// The source of an array's values.
    enum Contents: Equatable {
        /// The values in the weights, under the array's name.
        case parameter
        case floats([Float])
        case integers([Int])
    }

    let name: String
    let shape: [Int]
    let contents: Contents

    var count: Int { shape.reduce(1, *) }

    /// The size in the file in bytes: floats have 32 bits, integers 64.
    var byteCount: Int { if case .integers = contents { 8 * count } else { 4 * count } }
}

/// An ONNX graph under construction: the nodes in the order they run, and the arrays they read.
///
/// Volumes are channels-first, `[N, C, D, H, W]`; arrays keep their `state_dict` names and layouts. The ONNX operator
/// set is 21.
struct ONNXGraph: Equatable {
    private(set) var nodes: [ONNXNode] = []
    private(set) var arrays: [ONNXArray] = []
    private var known: Set<String> = []

    /// Adds a node with one output.
    mutating func node(_ op: String, _ inputs: [ONNXValue], _ attributes: [ONNXAttribute] = []) -> ONNXValue {
        let output = "\(op)_\(nodes.count)"
        nodes.append(ONNXNode(op: op, inputs: inputs.map(\.name), output: output, attributes: attributes))
        return ONNXValue(name: output)
    }

    /// Adds the node that gives the graph's output its name.
    mutating func output(_ name: String, _ value: ONNXValue) {
        nodes.append(ONNXNode(op: "Identity", inputs: [value.name], output: name, attributes: []))
    }

    /// Adds an array of the network, in its own shape or in the shape that ONNX requires.
    mutating func parameter(_ name: String, shape: [Int]) -> ONNXValue { array(name, shape, .parameter) }

    /// Adds floats that are not a parameter, such as the scale of a norm without one.
    mutating func floats(_ name: String, _ values: [Float], shape: [Int]) -> ONNXValue {
        array(name, shape, .floats(values))
    }

    /// Adds integers, such as a shape; by default they have a single axis.
    mutating func integers(_ values: [Int], shape: [Int]? = nil) -> ONNXValue {
        let shape = shape ?? [values.count]
        if let same = arrays.first(where: { $0.shape == shape && $0.contents == .integers(values) }) {
            return ONNXValue(name: same.name)
        }
        return array("integers_\(arrays.count)", shape, .integers(values))
    }

    /// Adds one number without axes, which ONNX broadcasts.
    mutating func number(_ value: Float) -> ONNXValue { floats("number_\(value)", [value], shape: []) }

    private mutating func array(_ name: String, _ shape: [Int], _ contents: ONNXArray.Contents) -> ONNXValue {
        if known.insert(name).inserted { arrays.append(ONNXArray(name: name, shape: shape, contents: contents)) }
        return ONNXValue(name: name)
    }
}
