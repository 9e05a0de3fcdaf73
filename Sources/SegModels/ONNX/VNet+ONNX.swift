internal import SegBackend
internal import SegCore

extension VNetOptions {
    private static let norm = BlockOptions.NormOption(
        params: NormParams(kind: .batch, epsilon: 1e-5), affine: true, momentum: 0.1)

    private static func geometry(kernel: Int, stride: Int) -> Conv3dParams {
        Conv3dParams(
            kernel: Triple(kernel), stride: Triple(stride), padding: Triple(kernel == 5 ? 2 : 0),
            dilation: Triple(1), groups: 1)
    }

    /// Adds the network to a graph: x `[N, in, D, H, W]`, logits `[N, out, D, H, W]`.
    /// - Throws: `DataError` where an array is missing.
    func onnx(_ graph: inout ONNXGraph, _ x: ONNXValue) throws -> ONNXNetwork {
        var skips = [try input(&graph, x)]
        for (level, count) in [1, 2, 3, 2].enumerated() {
            let channels = 32 << level
            skips.append(
                try down(&graph, skips[skips.count - 1], "down_tr\(channels)", channels: channels, rows: count))
        }
        var y = skips.removeLast()
        for (channels, count) in [(256, 2), (128, 2), (64, 1), (32, 1)] {
            y = try up(&graph, y, skip: skips.removeLast(), "up_tr\(channels)", channels: channels, rows: count)
        }
        y = try normed(&graph, y, "out_tr.conv_block", channels: outputChannels)
        y = try graph.activation(y, "out_tr.act_function1", activation.activation)
        let logits = try graph.convolution(y, "out_tr.conv2", Self.geometry(kernel: 1, stride: 1))
        return ONNXNetwork(inputChannels: inputChannels, outputChannels: outputChannels, logits: logits)
    }

    private func normed(
        _ graph: inout ONNXGraph, _ x: ONNXValue, _ scope: String, channels: Int
    ) throws -> ONNXValue {
        let y = try graph.convolution(x, scope + ".conv", Self.geometry(kernel: 5, stride: 1))
        return try graph.norm(y, scope + ".adn.N", channels: channels, Self.norm)
    }

    private func input(_ graph: inout ONNXGraph, _ x: ONNXValue) throws -> ONNXValue {
        let y = try normed(&graph, x, "in_tr.conv_block", channels: 16)
        let copies = [ONNXValue](repeating: x, count: 16 / inputChannels)
        let repeated = copies.count == 1 ? x : graph.node("Concat", copies, [.int("axis", 1)])
        return try graph.activation(graph.node("Add", [y, repeated]), "in_tr.act_function", activation.activation)
    }

    /// `ops`, 5³ convolutions with norm and activation, and the sum with what went in.
    private func row(
        _ graph: inout ONNXGraph, _ x: ONNXValue, plus residual: ONNXValue, _ scope: String, channels: Int, count: Int
    ) throws -> ONNXValue {
        var y = x
        for index in 0..<count {
            let own = "\(scope).ops.\(index)"
            y = try normed(&graph, y, own + ".conv_block", channels: channels)
            y = try graph.activation(y, own + ".act_function", activation.activation)
        }
        return try graph.activation(
            graph.node("Add", [y, residual]), scope + ".act_function2", activation.activation)
    }

    private func down(
        _ graph: inout ONNXGraph, _ x: ONNXValue, _ scope: String, channels: Int, rows: Int
    ) throws -> ONNXValue {
        var y = try graph.convolution(x, scope + ".down_conv", Self.geometry(kernel: 2, stride: 2))
        y = try graph.norm(y, scope + ".bn1", channels: channels, Self.norm)
        y = try graph.activation(y, scope + ".act_function1", activation.activation)
        return try row(&graph, y, plus: y, scope, channels: channels, count: rows)
    }

    private func up(
        _ graph: inout ONNXGraph, _ x: ONNXValue, skip: ONNXValue, _ scope: String, channels: Int, rows: Int
    ) throws -> ONNXValue {
        var y = try graph.transposedConvolution(
            x, scope + ".up_conv", Self.geometry(kernel: 2, stride: 2), outputPadding: Triple(0))
        y = try graph.norm(y, scope + ".bn1", channels: channels / 2, Self.norm)
        y = try graph.activation(y, scope + ".act_function1", activation.activation)
        let joined = graph.node("Concat", [y, skip], [.int("axis", 1)])
        return try row(&graph, joined, plus: joined, scope, channels: channels, count: rows)
    }
}
