public import SegBackend

extension OpenCLBackend {
    /// Runs one item per output.
    public func resample3d(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws {
        try launcher.run(
            Kernel("resample/resample3d", "resample3d"), LaunchGrid(covering: y.count),
            [
                .view(x), .view(y), .long(y.count), .triple(x.shape.size, x.shape.channels),
                .triple(y.shape.size, y.shape.channels), .int(params.code),
            ])
    }

    /// Runs one item per input. The item sums the upstream values of the outputs that read this input.
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
}

extension Resample3dParams {
    /// The number of the mode in resample/resample3d.cl.
    fileprivate var code: Int {
        switch mode {
        case .nearest: 0
        case .trilinear: alignCorners ? 2 : 1
        }
    }
}
