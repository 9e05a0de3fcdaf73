public import SegBackend

extension OpenCLBackend {
    /// An item an output.
    public func maxPool3d(_ x: BufferView, _ params: Pool3dParams, into y: BufferView, indices: BufferView) throws {
        try launcher.run(
            Kernel("pool/max_pool3d", "max_pool3d"), LaunchGrid(covering: y.count),
            [.view(x), .view(y), .view(indices), .long(y.count)] + params.arguments(input: x.shape, output: y.shape))
    }

    /// An item an input: the upstream values of the boxes that took it.
    public func maxPool3dBackward(
        upstream: BufferView, indices: BufferView, _ params: Pool3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        try launcher.run(
            Kernel("pool/max_pool3d", "max_pool3d_backward"), LaunchGrid(covering: gx.count),
            [.view(upstream), .view(indices), .view(gx), .long(gx.count)]
                + params.arguments(input: gx.shape, output: upstream.shape) + [.flag(accumulate)])
    }

    /// An item an output.
    public func resample3d(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws {
        try launcher.run(
            Kernel("resample/resample3d", "resample3d"), LaunchGrid(covering: y.count),
            [
                .view(x), .view(y), .long(y.count), .triple(x.shape.size, x.shape.channels),
                .triple(y.shape.size, y.shape.channels), .int(params.code),
            ])
    }

    /// An item an input: the upstream values of the outputs that read it.
    public func resample3dBackward(
        upstream: BufferView, _ params: Resample3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        try launcher.run(
            Kernel("resample/resample3d", "resample3d_backward"), LaunchGrid(covering: gx.count),
            [
                .view(upstream), .view(gx), .long(gx.count), .triple(gx.shape.size, gx.shape.channels),
                .triple(upstream.shape.size, upstream.shape.channels), .int(params.code), .flag(accumulate),
            ])
    }

    /// An item an element of the window.
    public func blendWindow(
        _ window: BufferView, weights: BufferView, at origin: Triple, into sum: BufferView, _ weightSum: BufferView
    ) throws {
        try launcher.run(
            Kernel("window/blend_window", "blend_window"), LaunchGrid(covering: window.count),
            [
                .view(window), .view(weights), .view(sum), .view(weightSum), .long(window.count),
                .triple(Triple(weights.shape.dimensions), window.shape.channels),
                .triple(Triple(weightSum.shape.dimensions), window.shape.channels), .triple(origin, 0),
            ])
    }

    /// An item an element.
    public func divideRows(_ x: BufferView, by divisors: BufferView, into y: BufferView) throws {
        try launcher.run(
            Kernel("elementwise/arithmetic", "divide_rows"), LaunchGrid(covering: x.count),
            [.view(x), .view(divisors), .view(y), .long(x.count), .count(x.shape.channels)])
    }
}

extension Pool3dParams {
    fileprivate func arguments(input: Shape, output: Shape) -> [KernelArgument] {
        // The fourth numbers divide and are divided too: 1 keeps them harmless.
        [
            .triple(input.size, input.channels), .triple(output.size, output.channels), .triple(kernel, 1),
            .triple(stride, 1), .triple(padding, 0),
        ]
    }
}

extension Resample3dParams {
    /// The mode's number in resample/resample3d.cl.
    fileprivate var code: Int {
        switch mode {
        case .nearest: 0
        case .trilinear: alignCorners ? 2 : 1
        }
    }
}
