public import SegBackend
public import SegCore

extension ReferenceBackend {
    /// Adds weights · window to `sum` and weights to `weightSum`.
    public func blendWindow(
        _ window: BufferView, weights: BufferView, at origin: Triple, into sum: BufferView, _ weightSum: BufferView
    ) throws {
        let channels = window.shape.channels
        let (height, width) = (sum.shape[1], sum.shape[2])
        let size = Triple(weights.shape.dimensions)
        let (window, weights, sum, weightSum) = (
            window.doubles, weights.doubles, sum.doubles, weightSum.doubles
        )
        forEachPosition(size, 1) { _, at, row in
            let place = ((origin.d + at.d) * height + origin.h + at.h) * width + origin.w + at.w
            weightSum[place] += weights[row]
            for c in 0..<channels { sum[place * channels + c] += weights[row] * window[row * channels + c] }
        }
    }

    /// Divides each channel vector by its divisor.
    public func divideRows(_ x: BufferView, by divisors: BufferView, into y: BufferView) throws {
        let (count, channels) = (x.count, x.shape.channels)
        let (x, y, divisors) = (x.doubles, y.doubles, divisors.doubles)
        for i in 0..<count { y[i] = x[i] / divisors[i / channels] }
    }
}
