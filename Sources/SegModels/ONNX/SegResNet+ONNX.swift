internal import SegBackend
internal import SegCore
internal import SegWeights

extension SegResNetOptions {
    /// Adds the network to a graph: x `[N, in, D, H, W]`, logits `[N, out, D, H, W]`.
    /// - Throws: `DataError` where an array is missing.
    func onnx(_ graph: inout ONNXGraph, _ x: ONNXValue) throws -> ONNXNetwork {
        var y = try graph.convolution(x, "convInit.conv", .same(kernel: 3, stride: 1))
        var skips: [ONNXValue] = []
        for (level, count) in blocksDown.enumerated() {
            let scope = "down_layers.\(level)"
            if level > 0 { y = try graph.convolution(y, scope + ".0.conv", .same(kernel: 3, stride: 2)) }
            for index in 1...count { y = try block(&graph, y, "\(scope).\(index)", channels: filters << level) }
            skips.append(y)
        }
        skips.removeLast()
        for (index, count) in blocksUp.enumerated() {
            y = try graph.node("Add", [enlarged(&graph, y, "up_samples.\(index)"), skips.removeLast()])
            let channels = filters << (blocksUp.count - 1 - index)
            for number in 0..<count {
                y = try block(&graph, y, "up_layers.\(index).\(number)", channels: channels)
            }
        }
        y = try graph.norm(y, "conv_final.0", channels: filters, norm)
        y = try graph.activation(y, "act_mod", activation.activation)
        let logits = try graph.convolution(y, "conv_final.2.conv", .same(kernel: 1, stride: 1))
        return ONNXNetwork(inputChannels: inputChannels, outputChannels: outputChannels, logits: logits)
    }

    /// Norm, activation and convolution, twice, plus the input.
    private func block(
        _ graph: inout ONNXGraph, _ x: ONNXValue, _ scope: String, channels: Int
    ) throws -> ONNXValue {
        var y = x
        for number in 1...2 {
            y = try graph.norm(y, "\(scope).norm\(number)", channels: channels, norm)
            y = try graph.activation(y, scope + ".act", activation.activation)
            y = try graph.convolution(y, "\(scope).conv\(number).conv", .same(kernel: 3, stride: 1))
        }
        return graph.node("Add", [y, x])
    }

    /// Half the channels, twice the extents.
    private func enlarged(_ graph: inout ONNXGraph, _ x: ONNXValue, _ scope: String) throws -> ONNXValue {
        let narrow = try graph.convolution(x, scope + ".0.conv", .same(kernel: 1, stride: 1))
        guard hasTransposedConvolutions else {
            let scales = graph.array("scales_double", StoredTensor([1, 1, 2, 2, 2] as [Float], shape: [5]))
            return graph.node(
                "Resize", [narrow, .absent, scales],
                [.text("mode", "linear"), .text("coordinate_transformation_mode", "half_pixel")])
        }
        let doubling = Conv3dParams(
            kernel: Triple(2), stride: Triple(2), padding: Triple(0), dilation: Triple(1), groups: 1)
        return try graph.transposedConvolution(narrow, scope + ".1.deconv", doubling, outputPadding: Triple(0))
    }
}
