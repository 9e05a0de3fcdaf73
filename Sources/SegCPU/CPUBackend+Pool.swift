import CSegCPU
public import SegBackend
internal import SegCore

extension CPUBackend {
    /// Computes rows of outputs in parallel, sixteen channels at a time.
    public func maxPool3d(_ x: BufferView, _ params: Pool3dParams, into y: BufferView, indices: BufferView) throws {
        let pool = segcpu_pool(params, input: x.shape, output: y.shape)
        let (size, channels) = (y.shape.size, y.shape.channels)
        let (input, output, positions) = (x.floats, y.floats, indices.integers)
        let sample = x.shape.size.count * channels
        threads.forRanges(y.shape.batch * size.d * size.h, grain: 1) { rows in
            var pool = pool
            for row in rows {
                let at = row * size.w * channels
                kernels.max_pool_row(
                    &pool, input + row / (size.d * size.h) * sample, row / size.h % size.d, row % size.h, output + at,
                    positions + at)
            }
        }
    }

    /// Computes the gradient as a gather: each input reads the windows that cover it, in order, so no element is
    /// written twice.
    public func maxPool3dBackward(
        upstream: BufferView, indices: BufferView, _ params: Pool3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        let pool = segcpu_pool(params, input: gx.shape, output: upstream.shape)
        let (size, channels) = (gx.shape.size, gx.shape.channels)
        let (signal, positions, output) = (upstream.floats, indices.integers, gx.floats)
        let sample = upstream.shape.size.count * channels
        threads.forRanges(gx.shape.batch * size.d * size.h, grain: 1) { rows in
            var pool = pool
            for row in rows {
                let first = row / (size.d * size.h) * sample
                kernels.max_pool_gradient_row(
                    &pool, signal + first, positions + first, row / size.h % size.d, row % size.h,
                    output + row * size.w * channels, accumulate)
            }
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
