public import SegBackend

extension OpenCLBackend {
    /// Runs a few items per row.
    public func softmax(_ x: BufferView, into y: BufferView) throws {
        let partition = RowPartition(rows: x.shape.rows, channels: x.shape.channels)
        try launcher.run(
            reducing("softmax/softmax", "softmax"), partition.grid,
            [.view(x), .view(y), .long(x.shape.rows), .count(x.shape.channels), .count(partition.lanes)])
    }

    /// Runs a few items per row.
    public func softmaxBackward(_ y: BufferView, upstream: BufferView, into gx: BufferView, accumulate: Bool) throws {
        let partition = RowPartition(rows: y.shape.rows, channels: y.shape.channels)
        try launcher.run(
            reducing("softmax/softmax", "softmax_backward"), partition.grid,
            [
                .view(y), .view(upstream), .view(gx), .long(y.shape.rows), .count(y.shape.channels),
                .count(partition.lanes), .flag(accumulate),
            ])
    }
}
