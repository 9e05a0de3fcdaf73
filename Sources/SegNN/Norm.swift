public import SegBackend
public import SegTensor

/// A normalisation layer with what it keeps: scale and shift, and for batch norm the running statistics.
///
/// `torch.nn.BatchNorm3d`, `InstanceNorm3d`, `GroupNorm`, `LayerNorm` (over the channels).
public struct Norm {
    /// Which normalisation, with which ε.
    public let params: NormParams
    /// Scale, `[C]`; nil when not affine.
    public let weight: Parameter?
    /// Shift, `[C]`; nil when not affine.
    public let bias: Parameter?
    private let running: RunningStatistics?

    /// Registers `weight`, `bias`, and for batch norm `running_mean`, `running_var` and `num_batches_tracked`.
    /// - Parameter momentum: Share of the newest batch in batch norm's running statistics.
    /// - Throws: `BackendError` where memory is short.
    public init(_ store: ParameterStore, channels: Int, _ params: NormParams, affine: Bool, momentum: Float) throws {
        self.params = params
        weight = affine ? try store.parameter("weight", [channels], .constant(1)) : nil
        bias = affine ? try store.parameter("bias", [channels], .constant(0)) : nil
        running =
            params.kind == .batch ? try RunningStatistics(store, channels: channels, momentum: momentum) : nil
    }

    /// Normalises x, with what follows in the same pass.
    ///
    /// Batch norm takes the batch's statistics while training, and updates its running ones; else it takes those.
    /// - Throws: `TensorError` where x does not fit; `BackendError` from the backend.
    public func callAsFunction(
        _ x: Tensor, followers: NormFollowers, in context: ForwardContext
    ) throws -> Tensor {
        let useRunning = running != nil && context.mode != .training
        let statistics: NormStatistics =
            if useRunning, let running { .given(mean: running.mean.leaf, variance: running.variance.leaf) } else {
                .ofInput
            }
        let normalized = try normActivate(
            x, weight: weight?.tensor(in: context), bias: bias?.tensor(in: context), statistics: statistics, params,
            followers)
        if let running, context.updatesStatistics { try running.update(with: normalized, count: x.shape.rows) }
        return normalized.output
    }
}

/// Batch norm's running mean and variance.
struct RunningStatistics {
    let mean: Parameter
    let variance: Parameter
    private let batches: Counter
    private let momentum: Float

    init(_ store: ParameterStore, channels: Int, momentum: Float) throws {
        mean = try store.buffer("running_mean", [channels], .constant(0))
        variance = try store.buffer("running_var", [channels], .constant(1))
        batches = store.counter("num_batches_tracked")
        self.momentum = momentum
    }

    /// Moves towards a batch's statistics; the variance that is kept is the unbiased one, as PyTorch's.
    func update(with batch: Normalized, count: Int) throws {
        let unbiased = Float(count) / Float(max(count - 1, 1))
        let backend = mean.leaf.backend
        try backend.scale(batch.mean.view, by: momentum, into: mean.leaf.view, times: 1 - momentum)
        try backend.scale(batch.variance.view, by: momentum * unbiased, into: variance.leaf.view, times: 1 - momentum)
        batches.value += 1
    }
}
