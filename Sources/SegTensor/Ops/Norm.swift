public import SegBackend

/// The source of the mean and variance in a normalisation.
public enum NormStatistics {
    /// The input itself.
    case ofInput
    /// Given statistics, such as a batch norm's running statistics, each of shape `NormParams.statisticsShape`.
    case given(mean: Tensor, variance: Tensor)
}

/// The steps after a normalisation in the same pass; see `NormEpilogue`.
public struct NormFollowers {
    /// The dropout after the normalisation.
    public var dropout: DropoutParams?
    /// The activation.
    public var activation: Activation
    /// PReLU's slopes, `[1]` or `[C]`.
    public var slope: Tensor?
    /// The tensor added before the activation.
    public var residualBefore: Tensor?
    /// The tensor added after the activation.
    public var residualAfter: Tensor?
    /// Whether the input's memory may be reused. Then nothing else may read the input: no later op, and no gradient of
    /// the op that made it (as the gradient of `exp` would). A later read stops the program (`BufferView.buffer`).
    ///
    /// Without a history, the result is computed in place. With a history, ops that need the result for their gradients
    /// recompute it (rematerialisation), and the input's gradient reuses the input's memory. The bits are the same.
    public var consumesInput = false
    /// Whether nothing else reads the residual. Then the result of an op that consumes its input may reuse the
    /// residual's memory.
    public var consumesResidual = false

    /// Creates empty followers, whose fields can then be changed.
    public init() { activation = .identity }

    /// Returns the operand whose memory the result may reuse, because nothing is recorded or because the operand can be
    /// recomputed; nil for none.
    fileprivate func consumed(_ x: Tensor, _ isRecorded: Bool) -> BufferView? {
        guard consumesInput else { return nil }
        if !isRecorded || x.remake != nil { return x.view }
        guard consumesResidual, let residual = residualBefore ?? residualAfter, residual.remake != nil else {
            return nil
        }
        return residual.view
    }

    var epilogue: NormEpilogue {
        NormEpilogue(
            dropout: dropout, activation: activation, slope: slope?.view, residualBefore: residualBefore?.view,
            residualAfter: residualAfter?.view)
    }
}

/// A normalised tensor and the statistics it was normalised with.
public struct Normalized {
    /// The result, of the input's shape.
    public let output: Tensor
    /// The mean, of shape `NormParams.statisticsShape`.
    public let mean: Tensor
    /// The biased variance, of the same shape.
    public let variance: Tensor
}

/// Applies normalisation, dropout, activation and residuals in one pass: act(dropout(norm(x)) + before) + after.
///
/// Without followers, it computes `torch.nn.functional.batch_norm`, `instance_norm`, `group_norm` or `layer_norm` over
/// the last axis. Ioffe and Szegedy 2015; Ulyanov et al. 2016; Wu and He 2018; Ba et al. 2016.
///
/// **Shapes**: x `[N, positions…, C]`, weight and bias `[C]`, residuals as x, result as x.
/// - Throws: `TensorError` if shapes do not fit or given statistics would need a gradient; `BackendError` from the backend.
public func normActivate(
    _ x: Tensor, weight: Tensor?, bias: Tensor?, statistics: NormStatistics, _ params: NormParams,
    _ followers: NormFollowers
) throws -> Normalized {
    try validateNorm(x, weight: weight, bias: bias, params, followers)
    let backend = x.backend
    let epilogue = followers.epilogue
    let (mean, variance) = try views(of: statistics, for: x, params)
    var inputs = [x, weight, bias, followers.slope, followers.residualBefore, followers.residualAfter]
    let isRecorded = inputs.contains { $0?.isTracked == true }
    let consumed = followers.consumed(x, isRecorded)
    var y = try consumed ?? backend.allocate(x.shape, x.view.dtype)
    try backend.normActivate(
        x.view, mean: mean, variance: variance, weight: weight?.view, bias: bias?.view, params, epilogue, into: y)
    if let consumed { y = consumed.overwritten() }
    if case .given(let mean, let variance) = statistics {
        try require(
            !isRecorded, "normActivate",
            "gradients through given statistics are not supported; in training, use the input's own")
        inputs += [mean, variance]
    }
    let graph = NormGraph(
        backend: backend, x: SavedInput(x), mean: mean, variance: variance, weight: weight, bias: bias, params: params,
        followers: followers)
    let recorded: RecordedOp? = followers.dropout == nil ? .normActivate(params, followers.activation) : nil
    let output = result(
        y, op: "normActivate", recorded, of: inputs, remake: followers.consumesInput ? graph.remake : nil,
        backward: graph.backward)
    return Normalized(output: output, mean: Tensor(mean, on: backend), variance: Tensor(variance, on: backend))
}

/// The values that a normalisation keeps for its gradient and for recomputing its result.
private struct NormGraph {
    private let backend: any Backend
    private let x: SavedInput
    private let mean: BufferView
    private let variance: BufferView
    private let weight: Tensor?
    private let bias: Tensor?
    private let params: NormParams
    private let dropout: DropoutParams?
    private let activation: Activation
    private let slope: Tensor?
    private let residualBefore: SavedInput?
    /// Kept only for recomputing the result.
    private let residualAfter: SavedInput?
    private let afterTarget: GradientTarget?
    private let consumesInput: Bool

    init(
        backend: any Backend, x: SavedInput, mean: BufferView, variance: BufferView, weight: Tensor?, bias: Tensor?,
        params: NormParams, followers: NormFollowers
    ) {
        (self.backend, self.x, self.mean, self.variance) = (backend, x, mean, variance)
        (self.weight, self.bias, self.params) = (weight, bias, params)
        (dropout, activation, slope) = (followers.dropout, followers.activation, followers.slope)
        consumesInput = followers.consumesInput
        residualBefore = followers.residualBefore.map(SavedInput.init)
        residualAfter = followers.consumesInput ? followers.residualAfter.map(SavedInput.init) : nil
        afterTarget = followers.residualAfter?.target
    }

    private func epilogue(before: BufferView?, after: BufferView?) -> NormEpilogue {
        NormEpilogue(
            dropout: dropout, activation: activation, slope: slope?.view, residualBefore: before, residualAfter: after)
    }

    /// Recomputes the result, in the memory of a recomputed operand if there is one.
    func remake() throws -> BufferView {
        let operands = [x, residualBefore, residualAfter]
        let views = try operands.map { try $0?.elements() }
        guard let input = views[0] else { preconditionFailure("a normalisation keeps its input") }
        let own = zip(operands, views).first { $0.0?.isRemade == true }?.1
        let y = try own ?? backend.allocate(input.shape, input.dtype)
        try backend.normActivate(
            input, mean: mean, variance: variance, weight: weight?.view, bias: bias?.view, params,
            epilogue(before: views[1], after: views[2]), into: y)
        return own?.overwritten() ?? y
    }

    func backward(_ upstream: BufferView, _ sink: GradientSink) throws {
        let parameters = [weight, bias, slope].map { $0?.isTracked == true ? $0 : nil }
        let views = try parameters.map { parameter -> BufferView? in
            guard let parameter else { return nil }
            let view = try backend.allocate(parameter.shape, parameter.view.dtype)
            try backend.fill(view, with: 0)
            return view
        }
        let hasBefore = residualBefore?.target.node != nil
        let before = hasBefore ? try backend.allocate(upstream.shape, upstream.dtype) : nil
        let epilogue = epilogue(before: try residualBefore?.elements(), after: nil)
        let input = try x.elements()
        func run(into gx: BufferView, _ accumulate: Bool) throws {
            try backend.normActivateBackward(
                input, upstream: upstream, mean: mean, variance: variance, weight: weight?.view, bias: bias?.view,
                params, epilogue,
                into: NormGradients(
                    x: gx, accumulate: accumulate, weight: views[0], bias: views[1], slope: views[2],
                    residualBefore: before))
        }
        if consumesInput || x.isRemade {
            // Nothing reads the input after this.
            try run(into: input, false)
            try sink.give(input.overwritten(), to: x.target)
        } else if x.target.node != nil {
            try sink.add(to: x.target, run)
        } else {
            try run(into: backend.allocate(upstream.shape, upstream.dtype), false)
        }
        for case let (parameter?, view?) in zip(parameters, views) { try sink.give(view, to: parameter) }
        if let before, let residualBefore { try sink.give(before, to: residualBefore.target) }
        if let afterTarget { try sink.pass(upstream, to: afterTarget) }
    }
}

private func views(
    of statistics: NormStatistics, for x: Tensor, _ params: NormParams
) throws -> (mean: BufferView, variance: BufferView) {
    let shape = params.statisticsShape(of: x.shape)
    switch statistics {
    case .ofInput:
        let mean = try x.backend.allocate(shape, x.view.dtype)
        let variance = try x.backend.allocate(shape, x.view.dtype)
        try x.backend.normStatistics(x.view, params, into: mean, variance)
        return (mean, variance)
    case .given(let mean, let variance):
        try require(
            mean.shape == shape && variance.shape == shape, "normActivate",
            "statistics \(mean.shape) and \(variance.shape) should be \(shape)")
        return (mean.view, variance.view)
    }
}

private func validateNorm(
    _ x: Tensor, weight: Tensor?, bias: Tensor?, _ params: NormParams, _ followers: NormFollowers
) throws {
    let op = "normActivate"
    let channels = x.shape.channels
    try require(x.shape.rank >= 2 && x.shape.count > 0, op, "input \(x.shape) is not [N, …, C]")
    for (name, tensor) in [("weight", weight), ("bias", bias)] {
        if let tensor { try require(tensor.shape == [channels], op, "\(name) \(tensor.shape) should be [\(channels)]") }
    }
    try validateSlope(op, followers.activation, followers.slope, channels: channels)
    for residual in [followers.residualBefore, followers.residualAfter] {
        if let residual {
            try require(residual.shape == x.shape, op, "residual \(residual.shape) should be \(x.shape)")
        }
    }
    if case .group(let groups) = params.kind {
        try require(
            groups > 0 && channels % groups == 0, op, "\(channels) channels do not divide into \(groups) groups")
    }
}
