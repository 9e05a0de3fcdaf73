public import SegBackend

extension ReferenceBackend {
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
}
