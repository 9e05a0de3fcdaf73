internal import SegBackend
internal import SegTensor

/// What the batch norms of one forward pass measured, kept back so that the running statistics move later: in the order of
/// the passes, wherever those were computed.
///
/// A pass in training reads no running statistics, so moving them later changes no bit. It belongs to the thread that
/// runs its pass.
public final class BatchStatistics: @unchecked Sendable {
    private struct Measured {
        let running: RunningStatistics
        let mean: BufferView
        let variance: BufferView
        /// Values of each channel.
        let count: Int
    }

    private var measured: [Measured] = []

    /// Nothing is measured yet.
    public init() {}

    func add(_ batch: Normalized, count: Int, to running: RunningStatistics) {
        measured.append(
            Measured(running: running, mean: batch.mean.view, variance: batch.variance.view, count: count))
    }

    /// How many values were measured.
    public var count: Int { measured.reduce(0) { $0 + $1.mean.count + $1.variance.count } }

    /// Mean and variance of each channel, norm after norm.
    /// - Throws: `BackendError` where a transfer fails.
    public func values() throws -> [Double] {
        try measured.flatMap { norm in
            let backend = norm.running.mean.leaf.backend
            return try [norm.mean, norm.variance].flatMap { try Tensor($0, on: backend).doubles() }
        }
    }

    /// Moves the running statistics towards those of a pass of the same network over as many voxels.
    /// - Parameter values: What `values()` of that pass gave.
    /// - Throws: `BackendError` where memory is short.
    public func move(by values: ArraySlice<Double>) throws {
        precondition(values.count == count, "\(values.count) values for \(count) of batch norms")
        var rest = values
        func taken(like view: BufferView, on backend: any Backend) throws -> BufferView {
            defer { rest = rest.dropFirst(view.count) }
            return try Tensor(Array(rest.prefix(view.count)), shape: view.shape, on: backend).view
        }
        for norm in measured {
            let backend = norm.running.mean.leaf.backend
            let mean = try taken(like: norm.mean, on: backend)
            try norm.running.move(
                mean: mean, variance: taken(like: norm.variance, on: backend), count: norm.count)
        }
    }
}
