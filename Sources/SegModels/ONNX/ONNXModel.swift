internal import SegBackend
internal import SegCore
public import SegWeights

/// A network for inference as an ONNX file: input `image` `[batch, in, D, H, W]`, output `logits`
/// `[batch, out, D, H, W]`, 32-bit floats; batch and, where the network lets them, D, H, W are free.
public struct ONNXModel: Sendable {
    /// The file's bytes.
    public let bytes: [UInt8]
    /// Arrays in the file that are the network's, each once.
    public let arrays: Int
    /// Numbers in these arrays.
    public let numbers: Int

    private typealias Describe = @Sendable (ConfigReader, inout ONNXGraph, ONNXValue) throws -> ONNXNetwork

    /// How each network is written.
    private static let descriptions: [String: Describe] = [
        "UNet": { try UNetOptions($0).onnx(&$1, $2) },
        "VNet": { try VNetOptions($0).onnx(&$1, $2) },
        "UNETR": { try UNETROptions($0).onnx(&$1, $2) },
        "SegResNet": { try SegResNetOptions($0).onnx(&$1, $2) },
        "DynUNet": { try DynUNetOptions($0).onnx(&$1, $2) },
    ]

    /// Protocol buffers cannot be larger.
    private static let mostBytes = Int(Int32.max)

    /// Writes a network down with its weights.
    /// - Parameters:
    ///   - network: Its definition.
    ///   - weights: Its arrays, under its names.
    ///   - metadata: Text kept in the file, such as `model.json`.
    /// - Throws: `DataError` where the network has no description or an array is missing.
    public init(_ network: NetworkDefinition, weights: Weights, metadata: [String: String]) throws {
        let reader = try ConfigReader(network.value, path: "network_def", source: network.source)
        let name = try network.target(reader)
        guard let describe = Self.descriptions[name] else {
            throw reader.error(
                "_target_",
                "'\(name)' cannot be written as ONNX; these can: \(NetworkDefinition.known(Self.descriptions.keys))")
        }
        var graph = ONNXGraph(state: weights.tensors, source: weights.source)
        let network = try describe(reader, &graph, ONNXValue(name: "image"))
        guard graph.arrays.map(\.tensor.bytes.count).reduce(0, +) < Self.mostBytes - 1 << 20 else {
            throw DataError(.badData, weights.source, "is too large for ONNX, whose files end at 2 GB")
        }
        let own = graph.arrays.filter { graph.state[$0.name] != nil }
        (arrays, numbers) = (own.count, own.map(\.tensor.count).reduce(0, +))
        bytes = Self.encode(graph, name: name, network, metadata)
    }

    /// Writes the file so that its name stands for the old one or for the new one, whole, at every moment.
    /// - Throws: `DataError` naming the file.
    public func write(to path: String) throws { try DurableFile.write(bytes, to: path) }
}

// Field numbers are those of onnx.proto: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, TypeProto.
extension ONNXModel {
    private static func encode(
        _ graph: ONNXGraph, name: String, _ network: ONNXNetwork, _ metadata: [String: String]
    ) -> [UInt8] {
        var model = ProtobufWriter()
        model.integer(1, 10)  // IR version, that of operator set 21
        model.text(2, "MedSeg")
        model.message(7) { message in
            for node in graph.nodes { message.message(1) { encode(node, as: &$0) } }
            message.message(1) {
                encode(("Identity", [network.logits.name], "logits", []), as: &$0)
            }
            message.text(2, name)
            for (name, tensor) in graph.arrays {
                message.message(5) { array in
                    for extent in tensor.shape { array.integer(1, extent) }
                    array.integer(2, tensor.dtype == .i64 ? integerType : floatType)
                    array.text(8, name)
                    array.data(9, tensor.bytes)
                }
            }
            message.message(11) { encode(value: "image", network.inputChannels, network.size, as: &$0) }
            message.message(12) { encode(value: "logits", network.outputChannels, network.size, as: &$0) }
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

    private static func encode(
        _ node: (op: String, inputs: [String], output: String, attributes: [ONNXAttribute]),
        as message: inout ProtobufWriter
    ) {
        for input in node.inputs { message.text(1, input) }
        message.text(2, node.output)
        message.text(3, node.output)
        message.text(4, node.op)
        for attribute in node.attributes { message.message(5) { encode(attribute, as: &$0) } }
    }

    /// AttributeProto: its name, its value, and the number of its type.
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
