internal import SegBackend

// Each op as it is, timed.
extension TimedBackend {
    func upload(_ source: UnsafeRawBufferPointer, to view: BufferView) throws {
        try time("upload", flops: 0, [view]) { try base.upload(source, to: view) }
    }

    func download(_ view: BufferView, into destination: UnsafeMutableRawBufferPointer) throws {
        try time("download", flops: 0, [view]) { try base.download(view, into: destination) }
    }

    func fill(_ view: BufferView, with value: Double) throws {
        try time("fill", flops: 0, [view]) { try base.fill(view, with: value) }
    }

    func copyRegion(
        _ source: BufferView, at sourceOrigin: [Int], into destination: BufferView, at origin: [Int], extent: [Int],
        accumulate: Bool
    ) throws {
        let count = extent.reduce(1, *)
        let moved = BufferView(buffer: source.buffer, offset: 0, shape: [count], dtype: source.dtype)
        try time("copyRegion", flops: 0, [moved, moved]) {
            try base.copyRegion(
                source, at: sourceOrigin, into: destination, at: origin, extent: extent, accumulate: accumulate)
        }
    }

    func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws {
        try time("binary", flops: 0, [a, b, y]) { try base.binary(op, a, b, into: y) }
    }

    func unary(_ op: UnaryOp, _ x: BufferView, into y: BufferView) throws {
        try time("unary", flops: 0, [x, y]) { try base.unary(op, x, into: y) }
    }

    func cast(_ x: BufferView, into y: BufferView) throws {
        try time("cast", flops: 0, [x, y]) { try base.cast(x, into: y) }
    }

    func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws {
        try time("scale", flops: 0, [x, y]) { try base.scale(x, by: alpha, into: y, times: beta) }
    }

    func activate(_ x: BufferView, _ activation: Activation, slope: BufferView?, into y: BufferView) throws {
        try time("activate", flops: 0, [x, slope, y]) { try base.activate(x, activation, slope: slope, into: y) }
    }

    func activateBackward(
        _ x: BufferView, upstream: BufferView, _ activation: Activation, slope: BufferView?, into gx: BufferView,
        slopeGradient: BufferView?, accumulate: Bool
    ) throws {
        try time("activateBackward", flops: 0, [x, upstream, slope, gx, slopeGradient]) {
            try base.activateBackward(
                x, upstream: upstream, activation, slope: slope, into: gx, slopeGradient: slopeGradient,
                accumulate: accumulate)
        }
    }

    func dropout(_ x: BufferView, _ params: DropoutParams, into y: BufferView, accumulate: Bool) throws {
        try time("dropout", flops: 0, [x, y]) { try base.dropout(x, params, into: y, accumulate: accumulate) }
    }

    func softmax(_ x: BufferView, into y: BufferView) throws {
        try time("softmax", flops: 0, [x, y]) { try base.softmax(x, into: y) }
    }

    func softmaxBackward(_ y: BufferView, upstream: BufferView, into gx: BufferView, accumulate: Bool) throws {
        try time("softmaxBackward", flops: 0, [y, upstream, gx]) {
            try base.softmaxBackward(y, upstream: upstream, into: gx, accumulate: accumulate)
        }
    }

    func reduce(_ op: ReduceOp, _ x: BufferView, outer: Int, inner: Int, into y: BufferView, accumulate: Bool) throws {
        try time("reduce", flops: 0, [x, y]) {
            try base.reduce(op, x, outer: outer, inner: inner, into: y, accumulate: accumulate)
        }
    }

    func matmul(_ a: BufferView, _ b: BufferView, bias: BufferView?, _ params: MatmulParams, into c: BufferView) throws
    {
        try time("matmul", flops: 2 * c.count * (params.transposeA ? a.shape[1] : a.shape[2]), [a, b, bias, c]) {
            try base.matmul(a, b, bias: bias, params, into: c)
        }
    }

    func attention(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, scale: Float, into y: BufferView, logSumExp: BufferView
    ) throws {
        try time("attention", flops: 4 * q.count * k.shape[1], [q, k, v, y, logSumExp]) {
            try base.attention(q, k, v, scale: scale, into: y, logSumExp: logSumExp)
        }
    }

    func attentionBackward(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, output y: BufferView, logSumExp: BufferView,
        upstream: BufferView, scale: Float, into gq: BufferView, _ gk: BufferView, _ gv: BufferView
    ) throws {
        try time("attentionBackward", flops: 10 * q.count * k.shape[1], [q, k, v, y, logSumExp, upstream, gq, gk, gv]) {
            try base.attentionBackward(
                q, k, v, output: y, logSumExp: logSumExp, upstream: upstream, scale: scale, into: gq, gk, gv)
        }
    }

    func conv3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        try time("conv3d", flops: 2 * y.count * weight.count / max(weight.shape[0], 1), [x, weight, bias, y]) {
            try base.conv3d(x, weight: weight, bias: bias, params, into: y, accumulate: accumulate)
        }
    }

    func convTranspose3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        try time("convTranspose3d", flops: 2 * x.count * weight.count / max(weight.shape[0], 1), [x, weight, bias, y]) {
            try base.convTranspose3d(x, weight: weight, bias: bias, params, into: y, accumulate: accumulate)
        }
    }

    func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        try time("conv3dBackwardWeight", flops: 2 * upstream.shape.rows * gw.count, [x, upstream, gw]) {
            try base.conv3dBackwardWeight(x, upstream: upstream, params, into: gw, accumulate: accumulate)
        }
    }

    func normStatistics(_ x: BufferView, _ params: NormParams, into mean: BufferView, _ variance: BufferView) throws {
        try time("normStatistics", flops: 0, [x, mean, variance]) {
            try base.normStatistics(x, params, into: mean, variance)
        }
    }

    func normalize(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, into y: BufferView
    ) throws {
        try time("normalize", flops: 0, [x, mean, variance, weight, bias, y]) {
            try base.normalize(x, mean: mean, variance: variance, weight: weight, bias: bias, params, into: y)
        }
    }

    func normalizeBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        _ params: NormParams, into gradients: NormGradients
    ) throws {
        try time(
            "normalizeBackward", flops: 0,
            [
                x, upstream, mean, variance, weight, gradients.x, gradients.weight, gradients.bias,
                gradients.residualBefore,
            ]
        ) {
            try base.normalizeBackward(
                x, upstream: upstream, mean: mean, variance: variance, weight: weight, params, into: gradients)
        }
    }

    func normActivate(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, _ epilogue: NormEpilogue, into y: BufferView
    ) throws {
        try time(
            "normActivate", flops: 0,
            [x, mean, variance, weight, bias, epilogue.residualBefore, epilogue.residualAfter, y]
        ) {
            try base.normActivate(
                x, mean: mean, variance: variance, weight: weight, bias: bias, params, epilogue, into: y)
        }
    }

    func normActivateBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        bias: BufferView?, _ params: NormParams, _ epilogue: NormEpilogue, into gradients: NormGradients
    ) throws {
        try time(
            "normActivateBackward", flops: 0,
            [
                x, upstream, mean, variance, weight, bias, epilogue.residualBefore, epilogue.residualAfter, gradients.x,
                gradients.weight, gradients.bias, gradients.residualBefore,
            ]
        ) {
            try base.normActivateBackward(
                x, upstream: upstream, mean: mean, variance: variance, weight: weight, bias: bias, params, epilogue,
                into: gradients)
        }
    }

    func maxPool3d(_ x: BufferView, _ params: Pool3dParams, into y: BufferView, indices: BufferView) throws {
        try time("maxPool3d", flops: 0, [x, y, indices]) { try base.maxPool3d(x, params, into: y, indices: indices) }
    }

    func maxPool3dBackward(
        upstream: BufferView, indices: BufferView, _ params: Pool3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        try time("maxPool3dBackward", flops: 0, [upstream, indices, gx]) {
            try base.maxPool3dBackward(upstream: upstream, indices: indices, params, into: gx, accumulate: accumulate)
        }
    }

    func resample3d(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws {
        try time("resample3d", flops: 0, [x, y]) { try base.resample3d(x, params, into: y) }
    }

    func resample3dBackward(upstream: BufferView, _ params: Resample3dParams, into gx: BufferView, accumulate: Bool)
        throws
    {
        try time("resample3dBackward", flops: 0, [upstream, gx]) {
            try base.resample3dBackward(upstream: upstream, params, into: gx, accumulate: accumulate)
        }
    }

    func blendWindow(
        _ window: BufferView, weights: BufferView, at origin: Triple, into sum: BufferView, _ weightSum: BufferView
    ) throws {
        try time("blendWindow", flops: 0, [window, weights, sum, weightSum]) {
            try base.blendWindow(window, weights: weights, at: origin, into: sum, weightSum)
        }
    }

    func divideRows(_ x: BufferView, by divisors: BufferView, into y: BufferView) throws {
        try time("divideRows", flops: 0, [x, divisors, y]) { try base.divideRows(x, by: divisors, into: y) }
    }

    func diceCELoss(
        _ logits: BufferView, labels: BufferView, _ params: DiceCEParams, into loss: BufferView, sums: BufferView
    ) throws {
        try time("diceCELoss", flops: 0, [logits, labels, loss, sums]) {
            try base.diceCELoss(logits, labels: labels, params, into: loss, sums: sums)
        }
    }

    func diceCELossBackward(
        _ logits: BufferView, labels: BufferView, sums: BufferView, upstream: BufferView, _ params: DiceCEParams,
        into gx: BufferView, accumulate: Bool
    ) throws {
        try time("diceCELossBackward", flops: 0, [logits, labels, sums, upstream, gx]) {
            try base.diceCELossBackward(
                logits, labels: labels, sums: sums, upstream: upstream, params, into: gx, accumulate: accumulate)
        }
    }

    func focalLoss(_ logits: BufferView, labels: BufferView, _ params: FocalParams, into loss: BufferView) throws {
        try time("focalLoss", flops: 0, [logits, labels, loss]) {
            try base.focalLoss(logits, labels: labels, params, into: loss)
        }
    }

    func focalLossBackward(
        _ logits: BufferView, labels: BufferView, upstream: BufferView, _ params: FocalParams, into gx: BufferView,
        accumulate: Bool
    ) throws {
        try time("focalLossBackward", flops: 0, [logits, labels, upstream, gx]) {
            try base.focalLossBackward(
                logits, labels: labels, upstream: upstream, params, into: gx, accumulate: accumulate)
        }
    }

    func adamStep(_ slots: [AdamSlot], _ params: AdamParams) throws {
        try time("adamStep", flops: 0, slots.flatMap { [$0.parameter, $0.gradient, $0.firstMoment, $0.secondMoment] }) {
            try base.adamStep(slots, params)
        }
    }

    func sgdStep(_ slots: [SGDSlot], _ params: SGDParams) throws {
        try time("sgdStep", flops: 0, slots.flatMap { [$0.parameter, $0.gradient, $0.momentum] }) {
            try base.sgdStep(slots, params)
        }
    }

    func allocate(byteCount: Int) throws -> any DeviceBuffer { try base.allocate(byteCount: byteCount) }

    func synchronize() throws { try base.synchronize() }

    func resetMemoryPeak() { base.resetMemoryPeak() }
}
