internal import SegBackend
internal import SegCore

extension UNetOptions {
    /// Adds the network to a graph: x `[N, in, D, H, W]`, result `[N, out, D, H, W]`.
    /// - Throws: `DataError` where an array is missing.
    func onnx(_ graph: inout ONNXGraph, _ x: ONNXValue) throws -> ONNXNetwork {
        let logits = try level(0, &graph, x, "model", inputs: inputChannels, outputs: outputChannels)
        return ONNXNetwork(inputChannels: inputChannels, outputChannels: outputChannels, logits: logits)
    }

    private func level(
        _ level: Int, _ graph: inout ONNXGraph, _ x: ONNXValue, _ scope: String, inputs: Int, outputs: Int
    ) throws -> ONNXValue {
        let own = channels[level]
        let skip = try down(
            &graph, x, scope + ".0", inputs: inputs, outputs: own,
            BlockGeometry(kernel: kernel, stride: strides[level]))
        let inside = scope + ".1.submodule"
        let isLast = level + 2 == channels.count
        let below =
            isLast
            ? try down(
                &graph, skip, inside, inputs: own, outputs: channels[level + 1],
                BlockGeometry(kernel: kernel, stride: Triple(1)))
            : try self.level(level + 1, &graph, skip, inside, inputs: own, outputs: own)
        let joined = graph.node("Concat", [skip, below], [.int("axis", 1)])
        return try up(level, &graph, joined, scope + ".2", outputs: outputs)
    }

    private func down(
        _ graph: inout ONNXGraph, _ x: ONNXValue, _ scope: String, inputs: Int, outputs: Int, _ geometry: BlockGeometry
    ) throws -> ONNXValue {
        guard residualUnits > 0 else {
            return try graph.convolutionBlock(x, scope, outputs: outputs, geometry, block)
        }
        return try graph.residualUnit(
            x, scope, inputs: inputs, outputs: outputs, geometry, subunits: residualUnits, lastConvOnly: false, block)
    }

    private func up(
        _ level: Int, _ graph: inout ONNXGraph, _ x: ONNXValue, _ scope: String, outputs: Int
    ) throws -> ONNXValue {
        let hasUnit = residualUnits > 0
        let y = try graph.convolutionBlock(
            x, hasUnit ? scope + ".0" : scope, outputs: outputs,
            BlockGeometry(kernel: upKernel, stride: strides[level]), transposed: true,
            convOnly: level == 0 && !hasUnit, block)
        guard hasUnit else { return y }
        return try graph.residualUnit(
            y, scope + ".1", inputs: outputs, outputs: outputs, BlockGeometry(kernel: kernel, stride: Triple(1)),
            subunits: 1, lastConvOnly: level == 0, block)
    }
}
