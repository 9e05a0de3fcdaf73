internal import SegBackend
public import SegCore
public import SegWeights

/// A network for inference as an ONNX file: input `image` `[batch, in, D, H, W]`, output `logits`
/// `[batch, out, D, H, W]`, 32-bit floats. The batch size is dynamic; so are D, H, W if the network allows it.
///
/// The nodes are those of a recorded forward pass; see `ONNXTranslation`.
public struct ONNXModel: Sendable {
    /// The file's bytes.
    public let bytes: [UInt8]
    /// The number of the network's arrays in the file, each counted once.
    public let arrays: Int
    /// The number of values in these arrays.
    public let numbers: Int

    /// The maximum size of a protocol buffer.
    private static let mostBytes = Int(Int32.max)

    /// Encodes a network with its weights.
    /// - Parameters:
    ///   - network: The network's definition.
    ///   - weights: The network's arrays, under its names.
    ///   - metadata: Text stored in the file, such as `model.json`.
    ///   - window: The size of an input if the graph depends on it, as in a transformer with windows.
    /// - Throws: `DataError` if the network cannot be built or written, or if an array is missing.
    public init(
        _ network: NetworkDefinition, weights: Weights, metadata: [String: String], window: Triple
    ) throws {
        let outline = try network.outline()
        let (graph, size) = try Self.graph(of: network, outline, window: window)
        guard graph.arrays.map(\.byteCount).reduce(0, +) < Self.mostBytes - 1 << 20 else {
            throw DataError(.badData, weights.source, "is too large for ONNX, whose files are limited to 2 GB")
        }
        let own = graph.arrays.filter { $0.contents == .parameter }
        (arrays, numbers) = (own.count, own.map(\.count).reduce(0, +))
        let contents = try graph.arrays.map { try Self.stored($0, weights) }
        let name = try network.target(ConfigReader(network.value, path: "network_def", source: network.source))
        bytes = Self.encode(graph, contents, outline, name: name, size, metadata)
    }

    /// Returns the graph and the input size that it is valid for; nil for any size. A graph that is the same for two
    /// sizes is valid for all.
    private static func graph(
        of network: NetworkDefinition, _ outline: NetworkOutline, window: Triple
    ) throws -> (graph: ONNXGraph, size: Triple?) {
        func recorded(_ size: Triple) throws -> ONNXGraph { try ONNXTranslation.graph(of: network, size: size) }
        if let size = outline.requiredSize { return (try recorded(size), size) }
        let (small, large) = (outline.sizeDivisor.zip(Triple(2), *), outline.sizeDivisor.zip(Triple(3), *))
        let free = try recorded(small)
        return try recorded(large) == free ? (free, nil) : (recorded(window), window)
    }

    /// Returns an array's values as the file stores them.
    private static func stored(_ array: ONNXArray, _ weights: Weights) throws -> StoredTensor {
        switch array.contents {
        case .floats(let values): return StoredTensor(values, shape: array.shape)
        case .integers(let values): return StoredTensor(values.map(Int64.init), shape: array.shape)
        case .parameter:
            guard let stored = weights.tensors[array.name] else {
                throw DataError(
                    .badData, weights.source, "the weights have no '\(array.name)', which the network needs")
            }
            return StoredTensor(stored.floats(), shape: array.shape)
        }
    }

    /// Writes the file atomically: at every moment the path holds either the complete old file or the complete new one.
    /// - Throws: `DataError` naming the file.
    public func write(to path: String) throws { try DurableFile.write(bytes, to: path) }
}

// The field numbers are from onnx.proto: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, TypeProto.
extension ONNXModel {
    private static func encode(
        _ graph: ONNXGraph, _ contents: [StoredTensor], _ network: NetworkOutline, name: String, _ size: Triple?,
        _ metadata: [String: String]
    ) -> [UInt8] {
        var model = ProtobufWriter()
        model.integer(1, 10)  // the IR version of operator set 21
        model.text(2, "MedSeg")
        model.message(7) { message in
            for node in graph.nodes { message.message(1) { encode(node, as: &$0) } }
            message.text(2, name)
            for (array, tensor) in zip(graph.arrays, contents) {
                let name = array.name
                message.message(5) { array in
                    for extent in tensor.shape { array.integer(1, extent) }
                    array.integer(2, tensor.dtype == .i64 ? integerType : floatType)
                    array.text(8, name)
                    array.data(9, tensor.bytes)
                }
            }
            message.message(11) { encode(value: "image", network.inputChannels, size, as: &$0) }
            message.message(12) { encode(value: "logits", network.outputChannels, size, as: &$0) }
        }
        model.message(8) {
            $0.text(1, "")
            $0.integer(2, 21)
        }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            model.message(14) {
                $0.text(1, key)
                $0.text(2, value)
            }
        }
        return model.bytes
    }

    /// TensorProto.DataType.FLOAT.
    private static let floatType = 1
    /// TensorProto.DataType.INT64.
    private static let integerType = 7

    private static func encode(_ node: ONNXNode, as message: inout ProtobufWriter) {
        for input in node.inputs { message.text(1, input) }
        message.text(2, node.output)
        message.text(3, node.output)
        message.text(4, node.op)
        for attribute in node.attributes { message.message(5) { encode(attribute, as: &$0) } }
    }

    /// Encodes an AttributeProto: its name, its value, and the number of its type.
    private static func encode(_ attribute: ONNXAttribute, as message: inout ProtobufWriter) {
        switch attribute {
        case .float(let name, let value):
            message.text(1, name)
            message.float(2, value)
            message.integer(20, 1)
        case .int(let name, let value):
            message.text(1, name)
            message.integer(3, value)
            message.integer(20, 2)
        case .text(let name, let value):
            message.text(1, name)
            message.text(4, value)
            message.integer(20, 3)
        case .ints(let name, let values):
            message.text(1, name)
            for value in values { message.integer(8, value) }
            message.integer(20, 7)
        }
    }

    private static func encode(
        value name: String, _ channels: Int, _ size: Triple?, as message: inout ProtobufWriter
    ) {
        message.text(1, name)
        message.message(2) { type in
            type.message(1) { tensor in
                tensor.integer(1, floatType)
                tensor.message(2) { shape in
                    shape.message(1) { $0.text(2, "batch") }
                    shape.message(1) { $0.integer(1, channels) }
                    for (index, axis) in ["depth", "height", "width"].enumerated() {
                        shape.message(1) { axisOf in
                            if let size { axisOf.integer(1, size[index]) } else { axisOf.text(2, axis) }
                        }
                    }
                }
            }
        }
    }
}
