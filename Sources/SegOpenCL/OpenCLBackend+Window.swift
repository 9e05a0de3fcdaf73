public import SegBackend
public import SegCore

extension OpenCLBackend {
    /// Runs one item per element of the window.
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

    /// Runs one item per element.
    public func divideRows(_ x: BufferView, by divisors: BufferView, into y: BufferView) throws {
        try launcher.run(
            Kernel("window/blend_window", "divide_rows"), LaunchGrid(covering: x.count),
            [.view(x), .view(divisors), .view(y), .long(x.count), .count(x.shape.channels)])
    }
}
