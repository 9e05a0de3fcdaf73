/// Fused ops built from plain ops: the default of every backend, and the reference against which a backend's faster
/// version is tested.
extension Backend {
    /// `normActivate` in up to four passes.
    public func composedNormActivate(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, _ epilogue: NormEpilogue, into y: BufferView
    ) throws {
        // y may share memory with a residual, and the last step reads that residual after y would have been written.
        let hasResidual = epilogue.residualBefore != nil || epilogue.residualAfter != nil
        let z = hasResidual ? try allocate(x.shape, x.dtype) : y
        try preActivation(
            x, mean: mean, variance: variance, weight: weight, bias: bias, params, epilogue, into: z)
        try activate(z, epilogue.activation, slope: epilogue.slope, into: z)
        if let after = epilogue.residualAfter {
            try binary(.add, z, after, into: y)
        } else if hasResidual {
            try scale(z, by: 1, into: y, times: 0)
        }
    }

    /// `normActivateBackward` from a recomputed pre-activation.
    public func composedNormActivateBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        bias: BufferView?, _ params: NormParams, _ epilogue: NormEpilogue, into gradients: NormGradients
    ) throws {
        let before = try allocate(x.shape, x.dtype)
        try preActivation(
            x, mean: mean, variance: variance, weight: weight, bias: bias, params, epilogue, into: before)
        let gradient = try allocate(x.shape, x.dtype)
        try activateBackward(
            before, upstream: upstream, epilogue.activation, slope: epilogue.slope, into: gradient,
            slopeGradient: gradients.slope, accumulate: false)
        if let residual = gradients.residualBefore {
            try scale(gradient, by: 1, into: residual, times: 0)
        }
        if let dropout = epilogue.dropout { try self.dropout(gradient, dropout, into: gradient, accumulate: false) }
        try normalizeBackward(
            x, upstream: gradient, mean: mean, variance: variance, weight: weight, params, into: gradients)
    }

    private func preActivation(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, _ epilogue: NormEpilogue, into y: BufferView
    ) throws {
        try normalize(x, mean: mean, variance: variance, weight: weight, bias: bias, params, into: y)
        if let dropout = epilogue.dropout { try self.dropout(y, dropout, into: y, accumulate: false) }
        if let before = epilogue.residualBefore { try binary(.add, y, before, into: y) }
    }

    /// Calls the composed form.
    public func normActivate(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, _ epilogue: NormEpilogue, into y: BufferView
    ) throws {
        try composedNormActivate(
            x, mean: mean, variance: variance, weight: weight, bias: bias, params, epilogue, into: y)
    }

    /// Calls the composed form.
    public func normActivateBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        bias: BufferView?, _ params: NormParams, _ epilogue: NormEpilogue, into gradients: NormGradients
    ) throws {
        try composedNormActivateBackward(
            x, upstream: upstream, mean: mean, variance: variance, weight: weight, bias: bias, params, epilogue,
            into: gradients)
    }
}
