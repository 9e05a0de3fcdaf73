import CSegCPU
public import SegBackend

extension CPUBackend: SpatialOps {
    /// Rows of outputs in parallel, sixteen channels at a time.
    public func maxPool3d(_ x: BufferView, _ params: Pool3dParams, into y: BufferView, indices: BufferView) throws {
        let pool = segcpu_pool(params, input: x.shape, output: y.shape)
        let (size, channels) = (y.shape.size, y.shape.channels)
        let (input, output, positions) = (x.floats, y.floats, indices.integers)
        let sample = x.shape.size.product * channels
        threads.forRanges(y.shape.batch * size.d * size.h, grain: 1) { rows in
            var pool = pool
            for row in rows {
                let at = row * size.w * channels
                segcpu_max_pool_row(
                    &pool, input + row / (size.d * size.h) * sample, row / size.h % size.d, row % size.h, output + at,
                    positions + at)
            }
        }
    }

    /// Gathers: each input looks at the windows over it, in order, so that nothing is written twice.
    public func maxPool3dBackward(
        upstream: BufferView, indices: BufferView, _ params: Pool3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        let pool = segcpu_pool(params, input: gx.shape, output: upstream.shape)
        let (size, channels) = (gx.shape.size, gx.shape.channels)
        let (signal, positions, output) = (upstream.floats, indices.integers, gx.floats)
        let sample = upstream.shape.size.product * channels
        threads.forRanges(gx.shape.batch * size.d * size.h, grain: 1) { rows in
            var pool = pool
            for row in rows {
                let first = row / (size.d * size.h) * sample
                segcpu_max_pool_gradient_row(
                    &pool, signal + first, positions + first, row / size.h % size.d, row % size.h,
                    output + row * size.w * channels, accumulate)
            }
        }
    }

    /// Rows of outputs in parallel; each sums its taps along three axes.
    public func resample3d(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws {
        let axes = (0..<3).map { ResampleAxis(from: x.shape.size[$0], to: y.shape.size[$0], params) }
        resample(x, axes, into: y, accumulate: false)
    }

    /// The transposed taps: each input gathers from the outputs that read it.
    public func resample3dBackward(
        upstream: BufferView, _ params: Resample3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        let axes = (0..<3).map {
            ResampleAxis(from: gx.shape.size[$0], to: upstream.shape.size[$0], params).transposed
        }
        resample(upstream, axes, into: gx, accumulate: accumulate)
    }

    private func resample(_ x: BufferView, _ axes: [ResampleAxis], into y: BufferView, accumulate: Bool) {
        let (from, to, channels) = (x.shape.size, y.shape.size, x.shape.channels)
        let (input, output) = (x.floats, y.floats)
        axes[0].withTaps { d in
            axes[1].withTaps { h in
                axes[2].withTaps { w in
                    let taps = [d, h, w]
                    threads.forRanges(y.shape.batch * to.d * to.h, grain: 1) { rows in
                        for row in rows {
                            segcpu_resample_row(
                                taps, input + row / (to.d * to.h) * from.product * channels, from.h, from.w, channels,
                                row / to.h % to.d, row % to.h, to.w, output + row * to.w * channels, accumulate)
                        }
                    }
                }
            }
        }
    }

    /// Rows of the window in parallel.
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
                segcpu_blend_rows(
                    input + from * channels, factors + from, output + to * channels, total + to, extents[2], channels)
            }
        }
    }

    /// Rows in parallel.
    public func divideRows(_ x: BufferView, by divisors: BufferView, into y: BufferView) throws {
        let channels = divisors.count == 0 ? 0 : x.count / divisors.count
        let (input, factors, output) = (x.floats, divisors.floats, y.floats)
        threads.forRanges(divisors.count, grain: max(1, (1 << 15) / max(channels, 1))) { rows in
            let first = rows.lowerBound
            segcpu_divide_rows(
                input + first * channels, factors + first, output + first * channels, rows.count, channels)
        }
    }
}

extension segcpu_pool {
    fileprivate init(_ params: Pool3dParams, input: Shape, output: Shape) {
        func three(_ t: Triple) -> (Int, Int, Int) { (t.d, t.h, t.w) }
        self.init(
            input: three(input.size), output: three(output.size), kernel: three(params.kernel),
            stride: three(params.stride), padding: three(params.padding), channels: input.channels)
    }
}
