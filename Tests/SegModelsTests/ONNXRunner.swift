import Foundation
import SegBackend
import SegCore
import SegTensor
import Testing

/// An array of an ONNX graph, in its layout; integers are stored as doubles too.
struct ONNXTensor {
    var shape: [Int]
    var values: [Double]

    /// The distance of neighbours along each axis.
    var strides: [Int] { ONNXTensor.strides(of: shape) }

    static func strides(of shape: [Int]) -> [Int] {
        shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
    }

    /// An array of another shape, whose elements are read from this array at `origin` plus steps along the axes.
    func gathered(_ shape: [Int], origin: Int = 0, steps: [Int]) -> ONNXTensor {
        var places = [origin]
        for (extent, step) in zip(shape, steps) {
            places = places.flatMap { place in (0..<extent).map { place + $0 * step } }
        }
        return ONNXTensor(shape: shape, values: places.map { values[$0] })
    }

    /// The array repeated along axes of size 1 and along new axes in front.
    func broadcast(to shape: [Int]) -> ONNXTensor {
        let missing = shape.count - self.shape.count
        let steps = [Int](repeating: 0, count: missing) + zip(self.shape, strides).map { $0 == 1 ? 0 : $1 }
        return gathered(shape, steps: steps)
    }

    func transposed(_ order: [Int]) -> ONNXTensor {
        gathered(order.map { shape[$0] }, steps: order.map { strides[$0] })
    }

    func map(_ transform: (Double) -> Double) -> ONNXTensor {
        ONNXTensor(shape: shape, values: values.map(transform))
    }

    /// Broadcasts both arrays to one shape and combines them element by element.
    static func zip2(_ a: ONNXTensor, _ b: ONNXTensor, _ combine: (Double, Double) -> Double) -> ONNXTensor {
        let rank = max(a.shape.count, b.shape.count)
        func padded(_ shape: [Int]) -> [Int] { [Int](repeating: 1, count: rank - shape.count) + shape }
        let shape = zip(padded(a.shape), padded(b.shape)).map { max($0, $1) }
        let (x, y) = (a.broadcast(to: shape), b.broadcast(to: shape))
        return ONNXTensor(shape: shape, values: zip(x.values, y.values).map(combine))
    }
}

/// Runs an ONNX file node by node: volumes with the tensor library, everything else in plain loops.
struct ONNXRunner {
    private let nodes: [ProtobufMessage]
    private let arrays: [String: ONNXTensor]
    private let backend: any Backend
    /// The size of the input, nil for free axes.
    let inputShape: [Int?]

    init(_ bytes: [UInt8], on backend: any Backend) throws {
        let model = try #require(ProtobufMessage(bytes[...]))
        let graph = try #require(model.messages(7).first)
        nodes = graph.messages(1)
        arrays = Dictionary(
            uniqueKeysWithValues: graph.messages(5).map {
                let values = $0.integers(2) == [7] ? $0.wholeNumbers(raw: 9) : $0.floats(raw: 9).map(Double.init)
                return ($0.texts(8)[0], ONNXTensor(shape: $0.integers(1), values: values))
            })
        self.backend = backend
        let type = graph.messages(11)[0].messages(2)[0].messages(1)[0]
        inputShape = type.messages(2)[0].messages(1).map { $0.integers(1).first }
    }

    /// **Shapes**: image and result channels-last.
    func run(_ image: Tensor) throws -> [Double] {
        var values = arrays
        values["image"] = try channelsFirst(image)
        for node in nodes {
            let inputs = node.texts(1).map { values[$0] ?? ONNXTensor(shape: [], values: []) }
            values[node.texts(2)[0]] = try apply(ONNXNodeReader(node), inputs)
        }
        return try #require(values["logits"]).transposed([0, 2, 3, 4, 1]).values
    }

    private func channelsFirst(_ x: Tensor) throws -> ONNXTensor {
        ONNXTensor(shape: x.shape.dimensions, values: try x.doubles()).transposed([0, 4, 1, 2, 3])
    }

    private func apply(_ node: ONNXNodeReader, _ inputs: [ONNXTensor]) throws -> ONNXTensor {
        let x = inputs[0]
        switch node.op {
        case "Identity": return x
        case "Add": return .zip2(x, inputs[1], +)
        case "Mul": return .zip2(x, inputs[1], *)
        case "Equal": return .zip2(x, inputs[1]) { $0 == $1 ? 1 : 0 }
        case "Where": return x.map { $0 != 0 ? inputs[1].values[0] : inputs[2].values[0] }
        case "Transpose": return x.transposed(try node.integers("perm"))
        case "Reshape":
            var shape = inputs[1].values.map { Int($0) }
            let known = shape.filter { $0 != -1 }.reduce(1, *)
            shape = shape.map { $0 == -1 ? x.values.count / known : $0 }
            return ONNXTensor(shape: shape, values: x.values)
        case "Concat": return concatenated(inputs, axis: try node.integer("axis"))
        case "Slice": return sliced(x, inputs.dropFirst().map { $0.values.map { Int($0) } })
        case "Gather": return gathered(x, inputs[1], axis: try node.integer("axis"))
        case "Pad": return padded(x, inputs[1].values.map { Int($0) })
        case "MatMul": return product(x, inputs[1])
        case "Softmax", "LayerNormalization": return try rows(node, inputs)
        default: return try volumes(node, inputs)
        }
    }

    private func concatenated(_ parts: [ONNXTensor], axis: Int) -> ONNXTensor {
        let axis = axis < 0 ? parts[0].shape.count + axis : axis
        var shape = parts[0].shape
        shape[axis] = parts.map { $0.shape[axis] }.reduce(0, +)
        let lengths = parts.map { $0.shape[axis...].reduce(1, *) }
        var values: [Double] = []
        for outer in 0..<shape[..<axis].reduce(1, *) {
            for (part, length) in zip(parts, lengths) { values += part.values[outer * length..<(outer + 1) * length] }
        }
        return ONNXTensor(shape: shape, values: values)
    }

    /// - Parameter ranges: Starts, ends, axes and, unless they are 1, steps.
    private func sliced(_ x: ONNXTensor, _ ranges: [[Int]]) -> ONNXTensor {
        var (shape, steps, origin) = (x.shape, x.strides, 0)
        for (index, axis) in ranges[2].enumerated() {
            let step = ranges.count > 3 ? ranges[3][index] : 1
            let (start, end) = (ranges[0][index], min(ranges[1][index], x.shape[axis]))
            shape[axis] = (end - start + step - 1) / step
            origin += start * steps[axis]
            steps[axis] *= step
        }
        return x.gathered(shape, origin: origin, steps: steps)
    }

    private func gathered(_ x: ONNXTensor, _ indices: ONNXTensor, axis: Int) -> ONNXTensor {
        let inner = x.shape[(axis + 1)...].reduce(1, *)
        var values: [Double] = []
        for outer in 0..<x.shape[..<axis].reduce(1, *) {
            for index in indices.values {
                let start = (outer * x.shape[axis] + Int(index)) * inner
                values += x.values[start..<start + inner]
            }
        }
        let shape = Array(x.shape[..<axis]) + indices.shape + Array(x.shape[(axis + 1)...])
        return ONNXTensor(shape: shape, values: values)
    }

    /// Pads zeros at the far ends, by concatenating arrays of zeros.
    private func padded(_ x: ONNXTensor, _ pads: [Int]) -> ONNXTensor {
        #expect(pads.prefix(x.shape.count).allSatisfy { $0 == 0 })
        return x.shape.indices.reduce(x) { y, axis in
            var shape = y.shape
            shape[axis] = pads[x.shape.count + axis]
            let zeros = ONNXTensor(shape: shape, values: [Double](repeating: 0, count: shape.reduce(1, *)))
            return shape[axis] == 0 ? y : concatenated([y, zeros], axis: axis)
        }
    }

    private func product(_ a: ONNXTensor, _ b: ONNXTensor) -> ONNXTensor {
        let (rows, inner, columns) = (a.shape[a.shape.count - 2], a.shape.last ?? 0, b.shape.last ?? 0)
        let batches = a.values.count / (rows * inner)
        let step = b.shape.count > 2 ? inner * columns : 0
        var values = [Double](repeating: 0, count: batches * rows * columns)
        for row in 0..<batches * rows {
            let right = row / rows * step
            for term in 0..<inner {
                let factor = a.values[row * inner + term]
                for column in 0..<columns {
                    values[row * columns + column] += factor * b.values[right + term * columns + column]
                }
            }
        }
        return ONNXTensor(shape: a.shape.dropLast() + [columns], values: values)
    }

    private func tensor(_ x: ONNXTensor) throws -> Tensor {
        try Tensor(x.values, shape: Shape(x.shape), on: backend)
    }

    /// Ops over the last axis.
    private func rows(_ node: ONNXNodeReader, _ inputs: [ONNXTensor]) throws -> ONNXTensor {
        #expect(try node.integer("axis") == -1)
        let x = try tensor(inputs[0])
        guard node.op == "LayerNormalization" else {
            return ONNXTensor(shape: inputs[0].shape, values: try softmax(x).doubles())
        }
        let params = NormParams(kind: .layer, epsilon: try node.float("epsilon"))
        let y = try normActivate(
            x, weight: tensor(inputs[1]), bias: tensor(inputs[2]), statistics: .ofInput, params, NormFollowers())
        return ONNXTensor(shape: inputs[0].shape, values: try y.output.doubles())
    }

    /// Ops on channels-first volumes, and activations on any array.
    private func volumes(_ node: ONNXNodeReader, _ inputs: [ONNXTensor]) throws -> ONNXTensor {
        if let activation = try node.activation {
            let flat = try tensor(ONNXTensor(shape: [1, inputs[0].values.count], values: inputs[0].values))
            return ONNXTensor(shape: inputs[0].shape, values: try activate(flat, activation, slope: nil).doubles())
        }
        let x = try tensor(inputs[0].transposed([0, 2, 3, 4, 1]))
        switch node.op {
        case "Conv", "ConvTranspose":
            let bias = try inputs.count > 2 ? tensor(inputs[2]) : nil
            let weight = try tensor(inputs[1])
            if node.op == "Conv" {
                return try channelsFirst(conv3d(x, weight: weight, bias: bias, node.convolution))
            }
            let y = try convTranspose3d(
                x, weight: weight, bias: bias, node.convolution, outputPadding: node.triple("output_padding"))
            return try channelsFirst(y)
        case "MaxPool":
            let params = Pool3dParams(
                kernel: try node.triple("kernel_shape"), stride: try node.triple("strides"),
                padding: try node.triple("pads"))
            return try channelsFirst(maxPool3d(x, params))
        case "BatchNormalization", "InstanceNormalization", "GroupNormalization":
            let isBatch = node.op.hasPrefix("Batch")
            let statistics: NormStatistics =
                isBatch ? .given(mean: try tensor(inputs[3]), variance: try tensor(inputs[4])) : .ofInput
            let kind: NormParams.Kind =
                isBatch ? .batch : node.op.hasPrefix("Group") ? .group(try node.integer("num_groups")) : .instance
            let params = NormParams(kind: kind, epsilon: try node.float("epsilon"))
            let y = try normActivate(
                x, weight: tensor(inputs[1]), bias: tensor(inputs[2]), statistics: statistics, params, NormFollowers())
            return try channelsFirst(y.output)
        case "PRelu":
            #expect(inputs[1].shape.dropFirst() == [1, 1, 1])
            let slope = ONNXTensor(shape: [inputs[1].values.count], values: inputs[1].values)
            return try channelsFirst(activate(x, .prelu, slope: tensor(slope)))
        case "Resize":
            let factors = inputs[2].values.dropFirst(2)
            #expect(inputs[1].values.isEmpty && inputs[2].values.prefix(2) == [1, 1] && factors.count == 3)
            let rule = node.text("coordinate_transformation_mode") ?? ""
            #expect(node.text("mode") == "linear" && ["half_pixel", "align_corners"].contains(rule))
            let size = Triple(zip(x.shape.size.array, factors).map { Int((Float($0) * Float($1)).rounded(.down)) })
            let params = Resample3dParams(mode: .trilinear, alignCorners: rule == "align_corners")
            return try channelsFirst(resample3d(x, to: size, params))
        default:
            Issue.record("the file has the node \(node.op)")
            return inputs[0]
        }
    }
}

/// The op and attributes of a node.
private struct ONNXNodeReader {
    let op: String
    private let attributes: [String: ProtobufMessage]

    init(_ node: ProtobufMessage) {
        op = node.texts(4)[0]
        attributes = Dictionary(uniqueKeysWithValues: node.messages(5).map { ($0.texts(1)[0], $0) })
    }

    private func attribute(_ name: String) throws -> ProtobufMessage { try #require(attributes[name]) }

    func integer(_ name: String) throws -> Int { try attribute(name).integers(3)[0] }
    func integers(_ name: String) throws -> [Int] { try attribute(name).integers(8) }
    func float(_ name: String) throws -> Float { try #require(attribute(name).float(2)) }
    func text(_ name: String) -> String? { attributes[name]?.texts(4).first }
    func triple(_ name: String) throws -> Triple { Triple(Array(try integers(name).prefix(3))) }

    var convolution: Conv3dParams {
        get throws {
            Conv3dParams(
                kernel: try triple("kernel_shape"), stride: try triple("strides"), padding: try triple("pads"),
                dilation: try triple("dilations"), groups: try integer("group"))
        }
    }

    /// The activation without parameters for an op.
    var activation: Activation? {
        get throws {
            switch op {
            case "Relu": .relu
            case "Sigmoid": .sigmoid
            case "Gelu": .gelu
            case "Elu": .elu(alpha: try float("alpha"))
            case "LeakyRelu": .leakyReLU(slope: try float("alpha"))
            default: nil
            }
        }
    }
}
