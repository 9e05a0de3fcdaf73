public import SegBackend

extension OpenCLBackend {
    /// Runs one item per element.
    public func activate(_ x: BufferView, _ activation: Activation, slope: BufferView?, into y: BufferView) throws {
        try launcher.run(
            Kernel("activation/activate", "activate"), LaunchGrid(covering: x.count),
            [.view(x), .view(slope), .view(y), .long(x.count), .count(slope?.count ?? 1)] + activation.arguments)
    }

    /// Runs one item per element; the gradient of the slope is summed over columns.
    public func activateBackward(
        _ x: BufferView, upstream: BufferView, _ activation: Activation, slope: BufferView?, into gx: BufferView,
        slopeGradient: BufferView?, accumulate: Bool
    ) throws {
        // The slope's gradient comes first, because gx may be the same memory as upstream.
        if let slopeGradient, activation == .prelu { try addSlopeSums(x, upstream, to: slopeGradient) }
        try launcher.run(
            Kernel("activation/activate", "activate_backward"), LaunchGrid(covering: x.count),
            [.view(x), .view(upstream), .view(slope), .view(gx), .long(x.count), .count(slope?.count ?? 1)]
                + activation.arguments + [.flag(accumulate)])
    }

    private func addSlopeSums(_ x: BufferView, _ upstream: BufferView, to gradient: BufferView) throws {
        guard x.count > 0 else { return }
        let partition = ColumnPartition(
            outer: 1, rows: x.shape.rows, channels: x.shape.channels, mostChunks: ColumnPartition.sumChunks)
        let partial = try scratch(partition.chunks * partition.channels)
        try launcher.run(
            reducing("activation/activate", "prelu_slope_sums"), partition.grid,
            [.view(x), .view(upstream), .view(partial)] + partition.arguments)
        try addColumns(partial, to: gradient)
    }
}
