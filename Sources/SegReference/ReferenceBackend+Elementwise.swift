public import SegBackend

extension ReferenceBackend {
    /// y = a ∘ b, b repeating along a.
    public func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws {
        let (count, period) = (a.count, b.count)
        let (a, b, y) = (a.doubles, b.doubles, y.doubles)
        for i in 0..<count {
            let (left, right) = (a[i], b[i % period])
            y[i] =
                switch op {
                case .add: left + right
                case .subtract: left - right
                case .multiply: left * right
                case .divide: left / right
                }
        }
    }

    /// y = alpha · x + beta · y.
    public func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws {
        let (count, alpha, beta) = (x.count, Double(alpha), Double(beta))
        let (x, y) = (x.doubles, y.doubles)
        for i in 0..<count { y[i] = alpha * x[i] + (beta == 0 ? 0 : beta * y[i]) }
    }

    /// y = x · mask / (1 − p).
    public func dropout(_ x: BufferView, _ params: DropoutParams, into y: BufferView, accumulate: Bool) throws {
        let (count, channels, scale) = (x.count, x.shape.channels, Double(params.scale))
        let sample = channels * x.shape.positions
        let (x, y) = (x.doubles, y.doubles)
        for i in 0..<count {
            let element = params.channelwise ? i / sample * channels + i % channels : i
            let value = params.keeps(element) ? x[i] * scale : 0
            y[i] = accumulate ? y[i] + value : value
        }
    }

    /// Softmax over the last axis.
    public func softmax(_ x: BufferView, into y: BufferView) throws {
        let (rows, channels) = (x.shape.rows, x.shape.channels)
        for r in 0..<rows { Softmax.write(x.doubles + r * channels, channels, into: y.doubles + r * channels) }
    }

    /// gx = y · (upstream − Σ upstream · y).
    public func softmaxBackward(_ y: BufferView, upstream: BufferView, into gx: BufferView, accumulate: Bool) throws {
        let (rows, channels) = (y.shape.rows, y.shape.channels)
        let (y, dy, gx) = (y.doubles, upstream.doubles, gx.doubles)
        for r in 0..<rows {
            let row = r * channels..<(r + 1) * channels
            let dot = row.reduce(0) { $0 + dy[$1] * y[$1] }
            for i in row {
                let value = y[i] * (dy[i] - dot)
                gx[i] = accumulate ? gx[i] + value : value
            }
        }
    }

    /// Reduces the middle axis of `[outer, n, inner]`.
    public func reduce(
        _ op: ReduceOp, _ x: BufferView, outer: Int, inner: Int, into y: BufferView, accumulate: Bool
    ) throws {
        let n = x.count / (outer * inner)
        let (x, y) = (x.doubles, y.doubles)
        for o in 0..<outer {
            for i in 0..<inner {
                let value: (Int) -> Double = { x[(o * n + $0) * inner + i] }
                let result =
                    switch op {
                    case .sum: (0..<n).reduce(0) { $0 + value($1) }
                    case .mean: (0..<n).reduce(0) { $0 + value($1) } / Double(n)
                    case .max: (0..<n).reduce(-Double.infinity) { max($0, value($1)) }
                    }
                y[o * inner + i] = accumulate && op != .max ? y[o * inner + i] + result : result
            }
        }
    }
}
