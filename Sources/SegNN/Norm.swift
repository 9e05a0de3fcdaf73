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
    private let name: String

    /// Registers `weight`, `bias`, and for batch norm `running_mean`, `running_var` and `num_batches_tracked`.
    /// - Parameter momentum: Share of the newest batch in batch norm's running statistics.
    /// - Throws: `BackendError` where memory is short.
    public init(_ store: ParameterStore, channels: Int, _ params: NormParams, affine: Bool, momentum: Float) throws {
        self.params = params
        name = store.module
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
        if !useRunning { try checkValues(x) }
        let statistics: NormStatistics =
            if useRunning, let running { .given(mean: running.mean.leaf, variance: running.variance.leaf) } else {
                .ofInput
            }
        let normalized = try normActivate(
            x, weight: weight?.tensor(in: context), bias: bias?.tensor(in: context), statistics: statistics, params,
            followers)
        if let running, context.updatesStatistics {
            if let kept = context.statistics {
                kept.add(normalized, count: x.shape.rows, to: running)
            } else {
                try running.move(
                    mean: normalized.mean.view, variance: normalized.variance.view, count: x.shape.rows)
            }
        }
        return normalized.output
    }
}

extension Norm {
    /// Refuses an input whose statistics would be those of a single value: all of it would become the shift.
    ///
    /// As PyTorch: an instance norm needs more than one position, in training and in evaluation; a batch norm more than
    /// one value a channel in training; a group norm more than one value a group.
    private func checkValues(_ x: Tensor) throws {
        let values: (count: Int, of: String)
        switch params.kind {
        case .instance: values = (x.shape.positions, "an instance norm needs more than 1 spatial element")
        case .batch: values = (x.shape.rows, "a batch norm in training needs more than 1 value per channel")
        case .group(let groups):
            values = (x.shape.rows * (x.shape.channels / groups), "a group norm needs more than 1 value per group")
        case .layer: return
        }
        guard values.count != 1 else {
            throw TensorError(
                op: name,
                "\(values.of), and its input \(x.shape) has 1; use a larger window (roi_size), or a network with "
                    + "fewer strides")
        }
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
    func move(mean batchMean: BufferView, variance batchVariance: BufferView, count: Int) throws {
        let unbiased = Float(count) / Float(max(count - 1, 1))
        let backend = mean.leaf.backend
        try backend.scale(batchMean, by: momentum, into: mean.leaf.view, times: 1 - momentum)
        try backend.scale(batchVariance, by: momentum * unbiased, into: variance.leaf.view, times: 1 - momentum)
        batches.value += 1
    }
}
