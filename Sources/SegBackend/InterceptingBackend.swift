package import SegCore

/// A backend that intercepts each op before another backend computes it, to time, count or record ops.
///
/// A conforming class implements `intercept` and the requirements that are not ops: its name, its memory and
/// `synchronize`. A new op of `Backend` needs one function here; then every conforming class intercepts it.
package protocol InterceptingBackend: Backend {
    /// Handles a call; `run` computes it on the backend that is passed to it.
    /// - Throws: The errors of `run`.
    func intercept(_ call: OpCall, _ run: (any Backend) throws -> Void) throws
}

// Memory.
extension InterceptingBackend {
    package func upload(_ source: UnsafeRawBufferPointer, to view: BufferView) throws {
        try intercept(OpCall("upload", [], into: [view])) { try $0.upload(source, to: view) }
    }

    package func download(_ view: BufferView, into destination: UnsafeMutableRawBufferPointer) throws {
        try intercept(OpCall("download", [view], into: [])) { try $0.download(view, into: destination) }
    }

    package func fill(_ view: BufferView, with value: Double) throws {
        try intercept(OpCall("fill", [], into: [view])) { try $0.fill(view, with: value) }
    }

    package func copyRegion(
        _ source: BufferView, at sourceOrigin: [Int], into destination: BufferView, at origin: [Int], extent: [Int],
        accumulate: Bool
    ) throws {
        let bytes = 2 * extent.reduce(1, *) * source.dtype.byteCount
        try intercept(OpCall("copyRegion", [source], into: [destination], bytes: bytes)) {
            try $0.copyRegion(
                source, at: sourceOrigin, into: destination, at: origin, extent: extent, accumulate: accumulate)
        }
    }
}

extension InterceptingBackend {
    package func flip(_ x: BufferView, axes: [Int], into y: BufferView, accumulate: Bool) throws {
        try intercept(OpCall("flip", [x], into: [y])) { try $0.flip(x, axes: axes, into: y, accumulate: accumulate) }
    }
}

// Pointwise ops and reductions.
extension InterceptingBackend {
    package func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws {
        try intercept(OpCall("binary", [a, b], into: [y], layer: op.rawValue)) { try $0.binary(op, a, b, into: y) }
    }

    package func unary(_ op: UnaryOp, _ x: BufferView, into y: BufferView) throws {
        try intercept(OpCall("unary", [x], into: [y], layer: op.rawValue)) { try $0.unary(op, x, into: y) }
    }

    package func cast(_ x: BufferView, into y: BufferView) throws {
        try intercept(OpCall("cast", [x], into: [y])) { try $0.cast(x, into: y) }
    }

    package func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws {
        try intercept(OpCall("scale", [x], into: [y])) { try $0.scale(x, by: alpha, into: y, times: beta) }
    }

    package func activate(_ x: BufferView, _ activation: Activation, slope: BufferView?, into y: BufferView) throws {
        try intercept(OpCall("activate", [x, slope], into: [y], layer: activation.entry.words)) {
            try $0.activate(x, activation, slope: slope, into: y)
        }
    }

    package func activateBackward(
        _ x: BufferView, upstream: BufferView, _ activation: Activation, slope: BufferView?, into gx: BufferView,
        slopeGradient: BufferView?, accumulate: Bool
    ) throws {
        try intercept(OpCall("activateBackward", [x, upstream, slope], into: [gx, slopeGradient])) {
            try $0.activateBackward(
                x, upstream: upstream, activation, slope: slope, into: gx, slopeGradient: slopeGradient,
                accumulate: accumulate)
        }
    }

    package func dropout(_ x: BufferView, _ params: DropoutParams, into y: BufferView, accumulate: Bool) throws {
        try intercept(OpCall("dropout", [x], into: [y], layer: "dropout")) {
            try $0.dropout(x, params, into: y, accumulate: accumulate)
        }
    }

    package func softmax(_ x: BufferView, into y: BufferView) throws {
        try intercept(OpCall("softmax", [x], into: [y], layer: "softmax")) { try $0.softmax(x, into: y) }
    }

    package func softmaxBackward(
        _ y: BufferView, upstream: BufferView, into gx: BufferView, accumulate: Bool
    ) throws {
        try intercept(OpCall("softmaxBackward", [y, upstream], into: [gx])) {
            try $0.softmaxBackward(y, upstream: upstream, into: gx, accumulate: accumulate)
        }
    }

    package func reduce(
        _ op: ReduceOp, _ x: BufferView, outer: Int, inner: Int, into y: BufferView, accumulate: Bool
    ) throws {
        try intercept(OpCall("reduce", [x], into: [y])) {
            try $0.reduce(op, x, outer: outer, inner: inner, into: y, accumulate: accumulate)
        }
    }
}

// Products.
extension InterceptingBackend {
    package func matmul(
        _ a: BufferView, _ b: BufferView, bias: BufferView?, _ params: MatmulParams, into c: BufferView
    ) throws {
        let multiplyAdds = params.multiplyAdds(a.shape, into: c.shape)
        try intercept(OpCall("matmul", [a, b, bias], into: [c], multiplyAdds: multiplyAdds, layer: "linear")) {
            try $0.matmul(a, b, bias: bias, params, into: c)
        }
    }

    package func attention(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, scale: Float, into y: BufferView, logSumExp: BufferView
    ) throws {
        let multiplyAdds = AttentionCost.multiplyAdds(q.shape, k.shape, products: AttentionCost.forwardProducts)
        let call = OpCall(
            "attention", [q, k, v], into: [y, logSumExp], multiplyAdds: multiplyAdds, layer: "attention")
        try intercept(call) { try $0.attention(q, k, v, scale: scale, into: y, logSumExp: logSumExp) }
    }

    package func attentionBackward(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, output y: BufferView, logSumExp: BufferView,
        upstream: BufferView, scale: Float, into gq: BufferView, _ gk: BufferView, _ gv: BufferView
    ) throws {
        let multiplyAdds = AttentionCost.multiplyAdds(q.shape, k.shape, products: AttentionCost.backwardProducts)
        let call = OpCall(
            "attentionBackward", [q, k, v, y, logSumExp, upstream], into: [gq, gk, gv], multiplyAdds: multiplyAdds)
        try intercept(call) {
            try $0.attentionBackward(
                q, k, v, output: y, logSumExp: logSumExp, upstream: upstream, scale: scale, into: gq, gk, gv)
        }
    }

    package func conv3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let call = OpCall(
            "conv3d", [x, weight, bias], into: [y], multiplyAdds: params.multiplyAdds(coarse: y.shape, fine: x.shape),
            layer: "conv \(params.kernel)")
        try intercept(call) {
            try $0.conv3d(x, weight: weight, bias: bias, params, into: y, accumulate: accumulate)
        }
    }

    package func convTranspose3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let call = OpCall(
            "convTranspose3d", [x, weight, bias], into: [y],
            multiplyAdds: params.multiplyAdds(coarse: x.shape, fine: y.shape),
            layer: "transposed conv \(params.kernel)")
        try intercept(call) {
            try $0.convTranspose3d(x, weight: weight, bias: bias, params, into: y, accumulate: accumulate)
        }
    }

    package func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        let multiplyAdds = params.multiplyAdds(coarse: upstream.shape, fine: x.shape)
        try intercept(OpCall("conv3dBackwardWeight", [x, upstream], into: [gw], multiplyAdds: multiplyAdds)) {
            try $0.conv3dBackwardWeight(x, upstream: upstream, params, into: gw, accumulate: accumulate)
        }
    }
}

// Normalisations.
extension InterceptingBackend {
    package func normStatistics(
        _ x: BufferView, _ params: NormParams, into mean: BufferView, _ variance: BufferView
    ) throws {
        try intercept(OpCall("normStatistics", [x], into: [mean, variance])) {
            try $0.normStatistics(x, params, into: mean, variance)
        }
    }

    package func normalize(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, into y: BufferView
    ) throws {
        let reads = [x, weight, bias, mean, variance]
        try intercept(OpCall("normalize", reads, into: [y], layer: params.layer(nil))) {
            try $0.normalize(x, mean: mean, variance: variance, weight: weight, bias: bias, params, into: y)
        }
    }

    package func normalizeBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        _ params: NormParams, into gradients: NormGradients
    ) throws {
        let call = OpCall("normalizeBackward", [x, upstream, mean, variance, weight], into: gradients.arrays)
        try intercept(call) {
            try $0.normalizeBackward(
                x, upstream: upstream, mean: mean, variance: variance, weight: weight, params, into: gradients)
        }
    }

    package func normActivate(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, _ epilogue: NormEpilogue, into y: BufferView
    ) throws {
        let reads = [
            x, weight, bias, epilogue.slope, mean, variance, epilogue.residualBefore, epilogue.residualAfter,
        ]
        try intercept(OpCall("normActivate", reads, into: [y], layer: params.layer(epilogue))) {
            try $0.normActivate(
                x, mean: mean, variance: variance, weight: weight, bias: bias, params, epilogue, into: y)
        }
    }

    package func normActivateBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        bias: BufferView?, _ params: NormParams, _ epilogue: NormEpilogue, into gradients: NormGradients
    ) throws {
        let reads = [
            x, upstream, mean, variance, weight, bias, epilogue.slope, epilogue.residualBefore, epilogue.residualAfter,
        ]
        try intercept(OpCall("normActivateBackward", reads, into: gradients.arrays)) {
            try $0.normActivateBackward(
                x, upstream: upstream, mean: mean, variance: variance, weight: weight, bias: bias, params, epilogue,
                into: gradients)
        }
    }
}

// Pooling, resampling and windows.
extension InterceptingBackend {
    package func maxPool3d(_ x: BufferView, _ params: Pool3dParams, into y: BufferView, indices: BufferView) throws {
        try intercept(OpCall("maxPool3d", [x], into: [y, indices], layer: "max pool \(params.kernel)")) {
            try $0.maxPool3d(x, params, into: y, indices: indices)
        }
    }

    package func maxPool3dBackward(
        upstream: BufferView, indices: BufferView, _ params: Pool3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        try intercept(OpCall("maxPool3dBackward", [upstream, indices], into: [gx])) {
            try $0.maxPool3dBackward(upstream: upstream, indices: indices, params, into: gx, accumulate: accumulate)
        }
    }

    package func resample3d(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws {
        try intercept(OpCall("resample3d", [x], into: [y], layer: "resample")) {
            try $0.resample3d(x, params, into: y)
        }
    }

    package func resample3dBackward(
        upstream: BufferView, _ params: Resample3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        try intercept(OpCall("resample3dBackward", [upstream], into: [gx])) {
            try $0.resample3dBackward(upstream: upstream, params, into: gx, accumulate: accumulate)
        }
    }

    package func blendWindow(
        _ window: BufferView, weights: BufferView, at origin: Triple, into sum: BufferView, _ weightSum: BufferView
    ) throws {
        try intercept(OpCall("blendWindow", [window, weights], into: [sum, weightSum])) {
            try $0.blendWindow(window, weights: weights, at: origin, into: sum, weightSum)
        }
    }

    package func divideRows(_ x: BufferView, by divisors: BufferView, into y: BufferView) throws {
        try intercept(OpCall("divideRows", [x, divisors], into: [y])) { try $0.divideRows(x, by: divisors, into: y) }
    }
}

// Losses and optimisers.
extension InterceptingBackend {
    package func diceCELoss(
        _ logits: BufferView, labels: BufferView, _ params: DiceCEParams, into loss: BufferView, sums: BufferView
    ) throws {
        try intercept(OpCall("diceCELoss", [logits, labels], into: [loss, sums])) {
            try $0.diceCELoss(logits, labels: labels, params, into: loss, sums: sums)
        }
    }

    package func diceCELossBackward(
        _ logits: BufferView, labels: BufferView, sums: BufferView, upstream: BufferView, _ params: DiceCEParams,
        into gx: BufferView, accumulate: Bool
    ) throws {
        try intercept(OpCall("diceCELossBackward", [logits, labels, sums, upstream], into: [gx])) {
            try $0.diceCELossBackward(
                logits, labels: labels, sums: sums, upstream: upstream, params, into: gx, accumulate: accumulate)
        }
    }

    package func focalLoss(
        _ logits: BufferView, labels: BufferView, _ params: FocalParams, into loss: BufferView
    ) throws {
        try intercept(OpCall("focalLoss", [logits, labels], into: [loss])) {
            try $0.focalLoss(logits, labels: labels, params, into: loss)
        }
    }

    package func focalLossBackward(
        _ logits: BufferView, labels: BufferView, upstream: BufferView, _ params: FocalParams, into gx: BufferView,
        accumulate: Bool
    ) throws {
        try intercept(OpCall("focalLossBackward", [logits, labels, upstream], into: [gx])) {
            try $0.focalLossBackward(
                logits, labels: labels, upstream: upstream, params, into: gx, accumulate: accumulate)
        }
    }

    package func adamStep(_ slots: [AdamSlot], _ params: AdamParams) throws {
        let written = slots.flatMap { [$0.parameter, $0.firstMoment, $0.secondMoment] }
        try intercept(OpCall("adamStep", slots.map(\.gradient), into: written)) { try $0.adamStep(slots, params) }
    }

    package func sgdStep(_ slots: [SGDSlot], _ params: SGDParams) throws {
        let written = slots.flatMap { [$0.parameter, $0.momentum] }
        try intercept(OpCall("sgdStep", slots.map(\.gradient), into: written)) { try $0.sgdStep(slots, params) }
    }
}

extension NormGradients {
    /// The arrays that are written, the gradient of the input first.
    fileprivate var arrays: [BufferView?] { [x, weight, bias, slope, residualBefore] }
}
