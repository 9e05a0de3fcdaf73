public import SegBackend

extension OpenCLBackend {
    /// Reduces in one step, or in two steps if there are many rows: first chunks of rows, then the results of the chunks.
    public func reduce(
        _ op: ReduceOp, _ x: BufferView, outer: Int, inner: Int, into y: BufferView, accumulate: Bool
    ) throws {
        guard y.count > 0 else { return }
        let rows = x.count / (outer * inner)
        guard rows > 0 else { return try fillEmpty(op, y, accumulate: accumulate) }
        let partition = ColumnPartition(
            outer: outer, rows: rows, channels: inner, mostChunks: ColumnPartition.sumChunks)
        let factor: Float = op == .mean ? 1 / Float(rows) : 1
        let accumulate = accumulate && op != .max
        guard partition.chunks > 1 else {
            return try reduce(op, x, partition, factor: factor, into: y, accumulate: accumulate)
        }
        let partial = try scratch(outer * partition.chunks * inner)
        try reduce(op, x, partition, factor: 1, into: partial, accumulate: false)
        let last = ColumnPartition(outer: outer, rows: partition.chunks, channels: inner, mostChunks: 1)
        try reduce(op, partial, last, factor: factor, into: y, accumulate: accumulate)
    }

    /// Writes the reduction of an empty axis: 0 for the sum, NaN for the mean, −∞ for the maximum.
    private func fillEmpty(_ op: ReduceOp, _ y: BufferView, accumulate: Bool) throws {
        switch op {
        case .sum: if !accumulate { try fill(y, with: 0) }
        case .mean: try fill(y, with: .nan)
        case .max: try fill(y, with: -.infinity)
        }
    }

    private func reduce(
        _ op: ReduceOp, _ x: BufferView, _ partition: ColumnPartition, factor: Float, into y: BufferView,
        accumulate: Bool
    ) throws {
        try launcher.run(
            reducing("reduce/reduce", "reduce"), partition.grid,
            [.view(x), .view(y)] + partition.arguments
                + [.flag(op == .max), .float(factor), .flag(accumulate)])
    }

    /// Adds the column sums of `partial`, `[parts, C]`, to an array `[C]`, or the sum of all its elements to an array
    /// `[1]`.
    func addColumns(_ partial: BufferView, to gradient: BufferView) throws {
        try reduce(.sum, partial, outer: 1, inner: gradient.count, into: gradient, accumulate: true)
    }
}
