public import SegBackend
internal import SegCore

extension ReferenceBackend {
    /// The maximum of each box and the position of its first occurrence.
    public func maxPool3d(
        _ x: BufferView, _ params: Pool3dParams, into y: BufferView, indices: BufferView
    ) throws {
        let (input, output, channels) = (x.shape.size, y.shape.size, x.shape.channels)
        let (batch, x, y, indices) = (x.shape.batch, x.doubles, y.doubles, indices.integers)
        forEachPosition(output, batch) { n, at, row in
            let box = (0..<3).map { axis in
                let start = at[axis] * params.stride[axis] - params.padding[axis]
                return max(0, start)..<min(input[axis], start + params.kernel[axis])
            }
            for c in 0..<channels {
                var best = -Double.infinity
                var place = (box[0].lowerBound * input.h + box[1].lowerBound) * input.w + box[2].lowerBound
                for d in box[0] {
                    for h in box[1] {
                        for w in box[2] {
                            let position = (d * input.h + h) * input.w + w
                            let value = x[(n * input.count + position) * channels + c]
                            if value > best || value.isNaN { (best, place) = (value, position) }
                        }
                    }
                }
                y[row * channels + c] = best
                indices[row * channels + c] = Int32(place)
            }
        }
    }

    /// Adds each upstream value at the position that its index gives.
    public func maxPool3dBackward(
        upstream: BufferView, indices: BufferView, _ params: Pool3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        let (batch, positions, channels) = (gx.shape.batch, gx.shape.positions, gx.shape.channels)
        if !accumulate { gx.doubles.update(repeating: 0, count: gx.count) }
        let sample = upstream.count / batch
        let (dy, gx, indices) = (upstream.doubles, gx.doubles, indices.integers)
        for n in 0..<batch {
            for i in n * sample..<(n + 1) * sample {
                gx[(n * positions + Int(indices[i])) * channels + i % channels] += dy[i]
            }
        }
    }

    /// Calls `body` with the sample, position and row of every position in a batch of volumes.
    func forEachPosition(_ size: Triple, _ batch: Int, _ body: (_ n: Int, _ at: Triple, _ row: Int) -> Void) {
        var row = 0
        for n in 0..<batch {
            for d in 0..<size.d {
                for h in 0..<size.h {
                    for w in 0..<size.w {
                        body(n, Triple(d, h, w), row)
                        row += 1
                    }
                }
            }
        }
    }
}
