public import SegBackend
public import SegTensor

/// A normalisation layer with its arrays: scale and shift, and for batch norm the running statistics.
///
/// `torch.nn.BatchNorm3d`, `InstanceNorm3d`, `GroupNorm`, `LayerNorm` (over the channels).
public struct Norm {
    /// The kind of norm and its ε.
    public let params: NormParams
    /// The scale, `[C]`; nil if not affine.
    public let weight: Parameter?
    /// The shift, `[C]`; nil if not affine.
    public let bias: Parameter?
    private let running: RunningStatistics?
    private let name: String

    /// Registers `weight`, `bias`, and for batch norm `running_mean`, `running_var` and `num_batches_tracked`.
    /// - Parameter momentum: The weight of the newest batch in batch norm's running statistics.
    /// - Throws: `BackendError` if there is not enough memory.
    public init(_ store: ParameterStore, channels: Int, _ params: NormParams, affine: Bool, momentum: Float) throws {
        self.params = params
        name = store.module
        weight = affine ? try store.parameter("weight", [channels], .constant(1)) : nil
        bias = affine ? try store.parameter("bias", [channels], .constant(0)) : nil
        running =
            params.kind == .batch ? try RunningStatistics(store, channels: channels, momentum: momentum) : nil
    }

    /// Normalises x and applies the followers in the same pass.
    ///
    /// In training, batch norm uses the batch's statistics and updates the running statistics. Otherwise it uses the
    /// running statistics.
    /// - Throws: `TensorError` if the shape of x does not fit; `BackendError` from the backend.
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
    /// Refuses an input whose statistics would be computed from a single value, because every output would be the shift.
    ///
    /// As in PyTorch, an instance norm needs more than one position, in training and in evaluation; a batch norm needs
    /// more than one value per channel in training; a group norm needs more than one value per group.
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
                "\(values.of), but its input \(x.shape) has 1; use a larger window (roi_size), or a network with "
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

    /// Updates the running statistics with a batch's statistics; as in PyTorch, the stored variance is the unbiased variance.
    func move(mean batchMean: BufferView, variance batchVariance: BufferView, count: Int) throws {
        let unbiased = Float(count) / Float(max(count - 1, 1))
        let backend = mean.leaf.backend
        try backend.scale(batchMean, by: momentum, into: mean.leaf.view, times: 1 - momentum)
        try backend.scale(batchVariance, by: momentum * unbiased, into: variance.leaf.view, times: 1 - momentum)
        batches.value += 1
    }
}
