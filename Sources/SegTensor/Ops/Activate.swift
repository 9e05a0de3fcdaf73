public import SegBackend

/// A pointwise nonlinearity; see `Activation` for each one's PyTorch counterpart.
///
/// **Shapes**: x any, slope `[1]` or `[C]` for PReLU and nil otherwise, result as x.
/// - Throws: `TensorError` where the slope does not fit; `BackendError` from the backend.
public func activate(_ x: Tensor, _ activation: Activation, slope: Tensor?) throws -> Tensor {
    try validateSlope("activate", activation, slope, channels: x.shape.channels)
    let backend = x.backend
    let y = try backend.allocate(x.shape, x.view.dtype)
    try backend.activate(x.view, activation, slope: slope?.view, into: y)
    return result(y, op: "activate", of: [x, slope]) { upstream, sink in
        var slopeGradient: BufferView?
        if let slope, slope.isTracked {
            let view = try backend.allocate(slope.shape, slope.view.dtype)
            try backend.fill(view, with: 0)
            slopeGradient = view
        }
        func run(into gx: BufferView, _ accumulate: Bool) throws {
            try backend.activateBackward(
                x.view, upstream: upstream, activation, slope: slope?.view, into: gx, slopeGradient: slopeGradient,
                accumulate: accumulate)
        }
        if x.isTracked {
            try sink.add(to: x, run)
        } else {
            try run(into: backend.allocate(x.shape, x.view.dtype), false)
        }
        if let slope, let slopeGradient { try sink.pass(slopeGradient, to: slope) }
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
    return result(y, op: "dropout", of: [x]) { upstream, sink in
        try sink.add(to: x) { gx, accumulate in
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
    return result(y, op: "softmax", of: [x]) { upstream, sink in
        try sink.add(to: x) { gx, accumulate in
            try backend.softmaxBackward(y, upstream: upstream, into: gx, accumulate: accumulate)
        }
    }
}
