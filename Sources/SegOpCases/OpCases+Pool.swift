import SegBackend
import SegCore

extension OpCases {
    /// Max pooling with padding and overlap, and its gradient.
    static let pools: [OpCase] = [
        (Shape([2, 6, 4, 8, 16]), [2, 2, 2], [2, 2, 2], [0, 0, 0]),
        ([1, 7, 5, 9, 3], [2, 2, 2], [2, 2, 2], [0, 0, 0]),
        ([2, 7, 8, 9, 3], [3, 3, 3], [2, 2, 2], [1, 1, 1]), ([1, 5, 6, 7, 17], [3, 2, 1], [1, 2, 3], [1, 0, 0]),
        ([1, 4, 5, 3, 1], [3, 3, 3], [1, 1, 1], [1, 1, 1]), ([1, 1, 1, 1, 5], [3, 3, 3], [1, 1, 1], [1, 1, 1]),
    ].flatMap { shape, kernel, stride, padding in
        let params = Pool3dParams(kernel: Triple(kernel), stride: Triple(stride), padding: Triple(padding))
        return [pool(shape, params, accumulate: false), pool(shape, params, accumulate: true)]
    }

    private static func pool(_ shape: Shape, _ params: Pool3dParams, accumulate: Bool) -> OpCase {
        let name =
            "maxPool3d_\(extents(shape))_k\(params.kernel)_s\(params.stride)_p\(params.padding)"
            .replacing("×", with: "x") + (accumulate ? "_accumulate" : "")
        return OpCase(name, op: "maxPool3d") { arrays in
            let size = params.outputSize(of: shape.size)
            let output = Shape(batch: shape.batch, size: size, channels: shape.channels)
            let x = try arrays.input(shape)
            let upstream = try arrays.upstream(output)
            let y = try arrays.output("y", output, .exact)
            let indices = try arrays.output("indices", output, .i32, startingAt: -1)
            let gx = try arrays.output("gx", shape, accumulate: accumulate, .op)
            try arrays.differentiate(y, upstream: upstream, [(x, gx)])
            return {
                try arrays.backend.maxPool3d(x, params, into: y, indices: indices)
                try arrays.backend.maxPool3dBackward(
                    upstream: upstream, indices: indices, params, into: gx, accumulate: accumulate)
            }
        }
    }
}
