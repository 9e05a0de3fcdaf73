internal import SegBackend
internal import SegCore

extension DynUNetOptions {
    /// Adds the network to a graph, without its supervising heads: x `[N, in, D, H, W]`, logits `[N, out, D, H, W]`.
    /// - Throws: `DataError` where an array is missing.
    func onnx(_ graph: inout ONNXGraph, _ x: ONNXValue) throws -> ONNXNetwork {
        let last = filters.count - 1
        let names = ["input_block"] + (0..<last - 1).map { "downsamples.\($0)" } + ["bottleneck"]
        var skips: [ONNXValue] = []
        var y = x
        for (level, name) in names.enumerated() {
            y = try graph.unetBlock(
                y, name, inputs: level == 0 ? inputChannels : filters[level - 1], outputs: filters[level],
                BlockGeometry(kernel: kernels[level], stride: strides[level]), block)
            skips.append(y)
        }
        skips.removeLast()
        var upOptions = block
        upOptions.isResidual = false
        for index in 0..<last {
            let level = last - index
            y = try graph.unetUpBlock(
                y, skip: skips.removeLast(), "upsamples.\(index)", outputs: filters[level - 1],
                kernel: kernels[level], upKernel: upKernels[level - 1], upOptions)
        }
        let logits = try graph.unetHead(y, "output_block")
        return ONNXNetwork(inputChannels: inputChannels, outputChannels: outputChannels, logits: logits)
    }
}
