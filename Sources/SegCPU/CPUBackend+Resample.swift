import CSegCPU
public import SegBackend
internal import SegCore

extension CPUBackend {
    /// Computes rows of outputs in parallel; each output sums its taps along three axes.
    public func resample3d(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws {
        let axes = (0..<3).map { ResampleAxis(from: x.shape.size[$0], to: y.shape.size[$0], params) }
        resample(x, axes, into: y, accumulate: false)
    }

    /// Computes the gradient with the transposed taps: each input gathers from the outputs that read it.
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
                            kernels.resample_row(
                                taps, input + row / (to.d * to.h) * from.count * channels, from.h, from.w, channels,
                                row / to.h % to.d, row % to.h, to.w, output + row * to.w * channels, accumulate)
                        }
                    }
                }
            }
        }
    }
}
