public import SegBackend

/// Applies a pointwise activation; see `Activation` for the PyTorch counterparts.
///
/// **Shapes**: x any, slope `[1]` or `[C]` for PReLU and nil otherwise, result as x.
/// - Parameter consumesInput: See `NormFollowers.consumesInput`.
/// - Throws: `TensorError` if the slope does not fit; `BackendError` from the backend.
public func activate(
    _ x: Tensor, _ activation: Activation, slope: Tensor?, consumesInput: Bool = false
) throws -> Tensor {
    try validateSlope("activate", activation, slope, channels: x.shape.channels)
    let backend = x.backend
    let isRecorded = x.isTracked || slope?.isTracked == true
    // The memory of an input that can be recomputed is free after it has been read.
    let overwrites = consumesInput && (!isRecorded || x.remake != nil)
    var y = overwrites ? x.view : try backend.allocate(x.shape, x.view.dtype)
    try backend.activate(x.view, activation, slope: slope?.view, into: y)
    if overwrites { y = x.view.overwritten() }
    let kept = SavedInput(x)
    func remake() throws -> BufferView {
        let x = try kept.elements()
        let y = kept.isRemade ? x : try backend.allocate(x.shape, x.dtype)
        try backend.activate(x, activation, slope: slope?.view, into: y)
        return kept.isRemade ? x.overwritten() : y
    }
    return result(
        y, op: "activate", .activate(activation), of: [x, slope], remake: consumesInput ? remake : nil
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
            try sink.give(x.overwritten(), to: kept.target)
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
    try require(activation == .prelu, op, "slopes were given, but \(activation) takes none")
    try require(
        slope.shape == [1] || slope.shape == [channels], op, "slopes \(slope.shape) should be [1] or [\(channels)]")
}
