public import SegBackend

extension OpenCLBackend {
    /// Runs one item per output.
    public func maxPool3d(_ x: BufferView, _ params: Pool3dParams, into y: BufferView, indices: BufferView) throws {
        try launcher.run(
            Kernel("pool/max_pool3d", "max_pool3d"), LaunchGrid(covering: y.count),
            [.view(x), .view(y), .view(indices), .long(y.count)] + params.arguments(input: x.shape, output: y.shape))
    }

    /// Runs one item per input. The item sums the upstream values of the boxes whose maximum is this input.
    public func maxPool3dBackward(
        upstream: BufferView, indices: BufferView, _ params: Pool3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        try launcher.run(
            Kernel("pool/max_pool3d", "max_pool3d_backward"), LaunchGrid(covering: gx.count),
            [.view(upstream), .view(indices), .view(gx), .long(gx.count)]
                + params.arguments(input: gx.shape, output: upstream.shape) + [.flag(accumulate)])
    }
}

extension Pool3dParams {
    fileprivate func arguments(input: Shape, output: Shape) -> [KernelArgument] {
        // The fourth numbers are operands of divisions too, so they must not be 0.
        [
            .triple(input.size, input.channels), .triple(output.size, output.channels), .triple(kernel, 1),
            .triple(stride, 1), .triple(padding, 0),
        ]
    }
}
