internal import SegBackend

// The blocks of MONAI's `dynunet_block`, which DynUNet and UNETR share; their layers are in UnetBlocks.swift.
extension ONNXGraph {
    /// `UnetConvolution`.
    mutating func unetConvolution(
        _ x: ONNXValue, _ scope: String, kernel: Triple, stride: Triple, transposed: Bool = false
    ) throws -> ONNXValue {
        let params = UnetConvolution.params(BlockGeometry(kernel: kernel, stride: stride))
        guard transposed else { return try convolution(x, scope + ".conv", params) }
        let outputPadding = params.padding.zip(params.stride) { 2 * $0 + $1 }.zip(params.kernel, -)
        return try transposedConvolution(x, scope + ".conv", params, outputPadding: outputPadding)
    }

    /// `UnetBlock`.
    mutating func unetBlock(
        _ x: ONNXValue, _ scope: String, inputs: Int, outputs: Int, _ geometry: BlockGeometry,
        _ options: UnetBlockOptions
    ) throws -> ONNXValue {
        var y = try unetConvolution(x, scope + ".conv1", kernel: geometry.kernel, stride: geometry.stride)
        y = try norm(y, scope + ".norm1", channels: outputs, options.norm)
        y = try activation(y, scope + ".lrelu", options.activation.activation)
        y = try unetConvolution(y, scope + ".conv2", kernel: geometry.kernel, stride: Triple(1))
        y = try norm(y, scope + ".norm2", channels: outputs, options.norm)
        if options.isResidual {
            var shortcut = x
            if inputs != outputs || geometry.stride != Triple(1) {
                shortcut = try unetConvolution(x, scope + ".conv3", kernel: Triple(1), stride: geometry.stride)
                shortcut = try norm(shortcut, scope + ".norm3", channels: outputs, options.norm)
            }
            y = node("Add", [y, shortcut])
        }
        return try activation(y, scope + ".lrelu", options.activation.activation)
    }

    /// `UnetUpBlock`.
    mutating func unetUpBlock(
        _ x: ONNXValue, skip: ONNXValue, _ scope: String, outputs: Int, kernel: Triple, upKernel: Triple,
        _ options: UnetBlockOptions
    ) throws -> ONNXValue {
        let up = try unetConvolution(x, scope + ".transp_conv", kernel: upKernel, stride: upKernel, transposed: true)
        return try unetBlock(
            node("Concat", [up, skip], [.int("axis", 1)]), scope + ".conv_block", inputs: 2 * outputs,
            outputs: outputs, BlockGeometry(kernel: kernel, stride: Triple(1)), options)
    }

    /// `UnetHead`.
    mutating func unetHead(_ x: ONNXValue, _ scope: String) throws -> ONNXValue {
        try unetConvolution(x, scope + ".conv", kernel: Triple(1), stride: Triple(1))
    }
}
