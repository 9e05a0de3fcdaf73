import Foundation
public import SegBackend
internal import SegCore

extension ReferenceBackend {
    /// Computes each output as a weighted sum of one or eight voxels.
    public func resample3d(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws {
        let channels = x.shape.channels
        let (from, to) = (x.doubles, y.doubles)
        to.update(repeating: 0, count: y.count)
        forEachSample(params, input: x.shape, output: y.shape) { source, target, weight in
            for c in 0..<channels { to[target * channels + c] += weight * from[source * channels + c] }
        }
    }

    /// Applies the same weights from outputs to inputs.
    public func resample3dBackward(
        upstream: BufferView, _ params: Resample3dParams, into gx: BufferView, accumulate: Bool
    ) throws {
        let channels = gx.shape.channels
        let (from, to) = (upstream.doubles, gx.doubles)
        if !accumulate { to.update(repeating: 0, count: gx.count) }
        forEachSample(params, input: gx.shape, output: upstream.shape) { source, target, weight in
            for c in 0..<channels { to[source * channels + c] += weight * from[target * channels + c] }
        }
    }

    /// Calls `body` with the input row, the output row and the weight of every contribution.
    private func forEachSample(
        _ params: Resample3dParams, input: Shape, output: Shape,
        _ body: (_ source: Int, _ target: Int, _ weight: Double) -> Void
    ) {
        let (from, to) = (input.size, output.size)
        let taps = (0..<3).map { axis in
            (0..<to[axis]).map { self.taps(of: $0, params, input: from[axis], output: to[axis]) }
        }
        forEachPosition(to, output.batch) { n, at, target in
            for d in taps[0][at.d] {
                for h in taps[1][at.h] {
                    for w in taps[2][at.w] {
                        let source = ((n * from.d + d.index) * from.h + h.index) * from.w + w.index
                        body(source, target, d.weight * h.weight * w.weight)
                    }
                }
            }
        }
    }

    /// Returns the voxels of one axis that an output index reads, with their weights.
    private func taps(
        of i: Int, _ params: Resample3dParams, input: Int, output: Int
    ) -> [(index: Int, weight: Double)] {
        guard params.mode == .trilinear else { return [(i * input / output, 1)] }
        let source =
            if params.alignCorners {
                output > 1 ? Double(i * (input - 1)) / Double(output - 1) : 0
            } else {
                max(0, (Double(i) + 0.5) * Double(input) / Double(output) - 0.5)
            }
        let low = min(Int(source), input - 1)
        let fraction = source - Double(low)
        return [(low, 1 - fraction), (min(low + 1, input - 1), fraction)]
    }
}
