public import SegBackend

/// A pointwise nonlinearity; see `Activation` for each one's PyTorch counterpart.
///
/// **Shapes**: x any, slope `[1]` or `[C]` for PReLU and nil otherwise, result as x.
/// - Parameter isFrugal: As `NormFollowers.isFrugal`.
/// - Throws: `TensorError` where the slope does not fit; `BackendError` from the backend.
public func activate(
    _ x: Tensor, _ activation: Activation, slope: Tensor?, isFrugal: Bool = false
) throws -> Tensor {
    try validateSlope("activate", activation, slope, channels: x.shape.channels)
    let backend = x.backend
    let isRecorded = x.isTracked || slope?.isTracked == true
    // The memory of an input that can be made again is nobody's once it is read.
    let overwrites = isFrugal && (!isRecorded || x.remake != nil)
    let y = overwrites ? x.view : try backend.allocate(x.shape, x.view.dtype)
    try backend.activate(x.view, activation, slope: slope?.view, into: y)
    let kept = Kept(x)
    func remake() throws -> BufferView {
        let x = try kept.elements()
        let y = kept.isRemade ? x : try backend.allocate(x.shape, x.dtype)
        try backend.activate(x, activation, slope: slope?.view, into: y)
        return y
    }
    return result(
        y, op: "activate", .activate(activation), of: [x, slope], remake: isFrugal ? remake : nil
    ) { upstream, sink in
        var slopeGradient: BufferView?
        if let slope, slope.isTracked {
            let view = try backend.allocate(slope.shape, slope.view.dtype)
            try backend.fill(view, with: 0)
            slopeGradient = view
        }
        let x = try kept.elements()
        func run(into gx: BufferView, _ accumulate: Bool) throws {
            try backend.activateBackward(
                x, upstream: upstream, activation, slope: slope?.view, into: gx, slopeGradient: slopeGradient,
                accumulate: accumulate)
        }
        if kept.isRemade {
            try run(into: x, false)
            try sink.give(x, to: kept.target)
        } else if kept.target.node != nil {
            try sink.add(to: kept.target, run)
        } else {
            try run(into: backend.allocate(upstream.shape, upstream.dtype), false)
        }
        if let slope, let slopeGradient { try sink.give(slopeGradient, to: slope) }
    }
}

func validateSlope(_ op: String, _ activation: Activation, _ slope: Tensor?, channels: Int) throws {
    guard let slope else {
        return try require(activation != .prelu, op, "PReLU needs its slopes, [1] or [\(channels)]")
    }
    try require(activation == .prelu, op, "slopes were given to \(activation)")
    try require(
        slope.shape == [1] || slope.shape == [channels], op, "slopes \(slope.shape) should be [1] or [\(channels)]")
}

/// Dropout with a counter-based mask, `torch.nn.functional.dropout` (or `dropout3d` where channelwise).
///
/// **Shapes**: x `[N, …, C]`, result as x.
/// - Throws: `BackendError` from the backend.
public func dropout(_ x: Tensor, _ params: DropoutParams) throws -> Tensor {
    let backend = x.backend
    let y = try backend.allocate(x.shape, x.view.dtype)
    try backend.dropout(x.view, params, into: y, accumulate: false)
    let target = x.target
    let remake = x.remake.map { make in
        {
            let view = try make()
            try backend.dropout(view, params, into: view, accumulate: false)
            return view
        }
    }
    return result(y, op: "dropout", of: [x], remake: remake) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try backend.dropout(upstream, params, into: gx, accumulate: accumulate)
        }
    }
}

/// Softmax over the last axis, `torch.softmax(x, -1)`.
///
/// **Shapes**: x `[…, C]`, result as x.
/// - Throws: `BackendError` from the backend.
public func softmax(_ x: Tensor) throws -> Tensor {
    let backend = x.backend
    let y = try backend.allocate(x.shape, x.view.dtype)
    try backend.softmax(x.view, into: y)
    let target = x.target
    return result(y, op: "softmax", of: [x]) { upstream, sink in
        try sink.add(to: target) { gx, accumulate in
            try backend.softmaxBackward(y, upstream: upstream, into: gx, accumulate: accumulate)
        }
    }
}
