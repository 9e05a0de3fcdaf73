internal import SegBackend
internal import SegCore

extension UNETROptions {
    private var grid: Triple { size.zip(Self.patch, /) }

    /// Adds the network to a graph: x `[N, in, img_size]`, logits `[N, out, img_size]`.
    /// - Throws: `DataError` where an array is missing.
    func onnx(_ graph: inout ONNXGraph, _ x: ONNXValue) throws -> ONNXNetwork {
        let (kept, last) = try tokens(&graph, x)
        let geometry = BlockGeometry(kernel: Triple(3), stride: Triple(1))
        var skips = [
            try graph.unetBlock(
                x, "encoder1.layer", inputs: inputChannels, outputs: featureSize, geometry, block)
        ]
        for (index, volume) in kept.enumerated() {
            skips.append(
                try upsampled(
                    &graph, volume, "encoder\(index + 2)", outputs: featureSize << (index + 1), steps: 2 - index))
        }
        var y = last
        for (number, factor) in [(5, 8), (4, 4), (3, 2), (2, 1)] {
            y = try graph.unetUpBlock(
                y, skip: skips.removeLast(), "decoder\(number)", outputs: factor * featureSize, kernel: Triple(3),
                upKernel: Triple(2), block)
        }
        let logits = try graph.unetHead(y, "out")
        return ONNXNetwork(
            inputChannels: inputChannels, outputChannels: outputChannels, size: size, logits: logits)
    }

    /// The transformer: what blocks 3, 6 and 9 and the last norm give, as volumes `[N, hidden, D, H, W]`.
    private func tokens(
        _ graph: inout ONNXGraph, _ x: ONNXValue
    ) throws -> (kept: [ONNXValue], last: ONNXValue) {
        var y = try embedded(&graph, x)
        var kept: [ONNXValue] = []
        for index in 0..<transformer.layers {
            y = try graph.transformerBlock(y, "vit.blocks.\(index)", tokens: grid.product, transformer)
            if [3, 6, 9].contains(index) { kept.append(volume(&graph, y)) }
        }
        return (kept, volume(&graph, try graph.layerNorm(y, "vit.norm")))
    }

    private func volume(_ graph: inout ONNXGraph, _ tokens: ONNXValue) -> ONNXValue {
        graph.reshape(graph.transpose(tokens, [0, 2, 1]), [0, transformer.hidden] + grid.array)
    }

    /// Patches as tokens, with their positions.
    private func embedded(_ graph: inout ONNXGraph, _ x: ONNXValue) throws -> ONNXValue {
        let (scope, edge) = ("vit.patch_embedding", Self.patch)
        let tokens: ONNXValue
        switch projection {
        case .conv:
            let params = Conv3dParams(
                kernel: edge, stride: edge, padding: Triple(0), dilation: Triple(1), groups: 1)
            let patches = try graph.convolution(x, scope + ".patch_embeddings", params)
            tokens = graph.transpose(
                graph.reshape(patches, [0, transformer.hidden, grid.product]), [0, 2, 1])
        case .perceptron:
            let pairs = (0..<3).flatMap { [grid[$0], edge[$0]] }
            let ordered = graph.transpose(
                graph.reshape(x, [0, inputChannels] + pairs), [0, 2, 4, 6, 3, 5, 7, 1])
            tokens = try graph.linear(
                graph.reshape(ordered, [0, grid.product, edge.product * inputChannels]),
                scope + ".patch_embeddings.1")
        }
        return graph.node("Add", [tokens, try graph.parameter(scope + ".position_embeddings")])
    }

    /// `UNETRUpsampler`.
    private func upsampled(
        _ graph: inout ONNXGraph, _ x: ONNXValue, _ scope: String, outputs: Int, steps: Int
    ) throws -> ONNXValue {
        let two = Triple(2)
        var y = try graph.unetConvolution(x, scope + ".transp_conv_init", kernel: two, stride: two, transposed: true)
        for index in 0..<steps {
            let own = "\(scope).blocks.\(index)"
            y = try graph.unetConvolution(
                y, hasConvolutionBlocks ? own + ".0" : own, kernel: two, stride: two, transposed: true)
            guard hasConvolutionBlocks else { continue }
            y = try graph.unetBlock(
                y, own + ".1", inputs: outputs, outputs: outputs,
                BlockGeometry(kernel: Triple(3), stride: Triple(1)), block)
        }
        return y
    }
}
