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
}
