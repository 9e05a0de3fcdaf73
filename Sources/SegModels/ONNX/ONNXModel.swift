internal import Foundation

/// A network for inference as an ONNX file: input `image` `[batch, in, D, H, W]`, output `logits`
/// `[batch, out, D, H, W]`, 32-bit floats; batch and D, H, W are free.
public struct ONNXModel: Sendable {
    /// The file's bytes.
    public let bytes: [UInt8]

    private typealias Describe = @Sendable (ConfigReader, inout ONNXGraph, ONNXValue) throws -> (Int, ONNXValue, Int)

    /// How each network is written; the results are input channels, logits, output channels.
    private static let descriptions: [String: Describe] = [
        "UNet": { reader, graph, image in
            let options = try UNetOptions(reader)
            return (options.inputChannels, try options.onnx(&graph, image), options.outputChannels)
        }
    ]

    /// Protocol buffers cannot be larger.
    private static let mostBytes = Int(Int32.max)

    /// Writes a network down with its weights.
    /// - Parameters:
    ///   - network: Its definition.
    ///   - weights: Its arrays, under its names.
    ///   - metadata: Text kept in the file, such as `model.json`.
    /// - Throws: `ConfigError` where the network has no description or an array is missing.
    public init(_ network: NetworkDefinition, weights: Weights, metadata: [String: String]) throws {
        let reader = try ConfigReader(network.value, path: "network_def", source: network.source)
        let target = try reader.required("_target_", reader.string("_target_"))
        let name = target.split(separator: ".").last.map(String.init) ?? target
        guard let describe = Self.descriptions[name] else {
            throw reader.error(
                "_target_", "'\(target)' cannot be written as ONNX yet; only \(Self.descriptions.keys.sorted()) can")
        }
        var graph = ONNXGraph(state: weights.tensors, source: weights.source)
        let (inputs, logits, outputs) = try describe(reader, &graph, ONNXValue(name: "image"))
        guard graph.arrays.map(\.tensor.bytes.count).reduce(0, +) < Self.mostBytes - 1 << 20 else {
            throw ConfigError(source: weights.source, key: nil, "is too large for ONNX, whose files end at 2 GB")
        }
        bytes = Self.encode(graph, name: name, inputs: inputs, logits: logits, outputs: outputs, metadata)
    }

    /// Writes the file under a temporary name and renames it.
    /// - Throws: `ConfigError` naming the file.
    public func write(to path: String) throws {
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw ConfigError(.cannotWrite, source: path, key: nil, "cannot be written: \(error.systemReason)")
        }
    }
}

// Field numbers are those of onnx.proto: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, TypeProto.
extension ONNXModel {
    private static func encode(
        _ graph: ONNXGraph, name: String, inputs: Int, logits: ONNXValue, outputs: Int, _ metadata: [String: String]
    ) -> [UInt8] {
        var model = ProtobufWriter()
        model.integer(1, 10)  // IR version, that of operator set 21
        model.text(2, "MedSeg")
        model.message(7) { message in
            for node in graph.nodes { message.message(1) { encode(node, as: &$0) } }
            message.message(1) {
                encode(("Identity", [logits.name], "logits", []), as: &$0)
            }
            message.text(2, name)
            for (name, tensor) in graph.arrays {
                message.message(5) { array in
                    for extent in tensor.shape { array.integer(1, extent) }
                    array.integer(2, floatType)
                    array.text(8, name)
                    array.data(9, tensor.bytes)
                }
            }
            message.message(11) { encode(value: "image", channels: inputs, as: &$0) }
            message.message(12) { encode(value: "logits", channels: outputs, as: &$0) }
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
        case .ints(let name, let values):
            message.text(1, name)
            for value in values { message.integer(8, value) }
            message.integer(20, 7)
        }
    }

    private static func encode(value name: String, channels: Int, as message: inout ProtobufWriter) {
        message.text(1, name)
        message.message(2) { type in
            type.message(1) { tensor in
                tensor.integer(1, floatType)
                tensor.message(2) { shape in
                    shape.message(1) { $0.text(2, "batch") }
                    shape.message(1) { $0.integer(1, channels) }
                    for axis in ["depth", "height", "width"] { shape.message(1) { $0.text(2, axis) } }
                }
            }
        }
    }
}
