import CSegCPU
public import SegBackend
public import SegCore

extension CPUBackend {
    /// Adds the rows of the window in parallel.
    public func blendWindow(
        _ window: BufferView, weights: BufferView, at origin: Triple, into sum: BufferView, _ weightSum: BufferView
    ) throws {
        let extents = weights.shape.dimensions
        let full = weightSum.shape.dimensions
        let channels = window.shape.channels
        let (input, factors, output, total) = (window.floats, weights.floats, sum.floats, weightSum.floats)
        threads.forRanges(extents[0] * extents[1], grain: 16) { rows in
            for row in rows {
                let (d, h) = (origin.d + row / extents[1], origin.h + row % extents[1])
                let to = (d * full[1] + h) * full[2] + origin.w
                let from = row * extents[2]
                kernels.blend_rows(
                    input + from * channels, factors + from, output + to * channels, total + to, extents[2], channels)
            }
        }
    }

    /// Divides rows in parallel.
    public func divideRows(_ x: BufferView, by divisors: BufferView, into y: BufferView) throws {
        let channels = divisors.count == 0 ? 0 : x.count / divisors.count
        let (input, factors, output) = (x.floats, divisors.floats, y.floats)
        threads.forRanges(divisors.count, grain: max(1, (1 << 15) / max(channels, 1))) { rows in
            let first = rows.lowerBound
            kernels.divide_rows(
                input + first * channels, factors + first, output + first * channels, rows.count, channels)
        }
    }
}
