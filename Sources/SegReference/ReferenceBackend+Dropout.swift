public import SegBackend

extension ReferenceBackend {
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
