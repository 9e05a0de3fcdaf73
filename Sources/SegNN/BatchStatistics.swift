internal import SegBackend
internal import SegTensor

/// The statistics that the batch norms of one forward pass measured. They are kept so that the running statistics can
/// be updated later, in the order of the passes, no matter which process or thread computed a pass.
///
/// A pass in training reads no running statistics, so updating them later changes no bit of the pass. An instance
/// belongs to the thread that runs its pass.
public final class BatchStatistics: @unchecked Sendable {
    private struct Measured {
        let running: RunningStatistics
        let mean: BufferView
        let variance: BufferView
        /// The number of values per channel.
        let count: Int
    }

    private var measured: [Measured] = []

    /// Creates an empty collection.
    public init() {}

    func add(_ batch: Normalized, count: Int, to running: RunningStatistics) {
        measured.append(
            Measured(running: running, mean: batch.mean.view, variance: batch.variance.view, count: count))
    }

    /// The number of measured values: the means and variances of all channels.
    public var count: Int { measured.reduce(0) { $0 + $1.mean.count + $1.variance.count } }

    /// Returns the mean and variance of each channel, norm after norm.
    /// - Throws: `BackendError` if a transfer fails.
    public func values() throws -> [Double] {
        try measured.flatMap { norm in
            let backend = norm.running.mean.leaf.backend
            return try [norm.mean, norm.variance].flatMap { try Tensor($0, on: backend).doubles() }
        }
    }

    /// Updates the running statistics with the statistics that a pass measured. The pass must be of the same network and
    /// over the same number of voxels.
    /// - Parameter values: The result of `values()` of that pass.
    /// - Throws: `BackendError` if there is not enough memory.
    public func move(by values: ArraySlice<Double>) throws {
        precondition(values.count == count, "\(values.count) values were given, but the batch norms have \(count)")
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
