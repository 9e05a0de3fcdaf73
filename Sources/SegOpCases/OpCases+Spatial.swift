import SegBackend

extension OpCases {
    // MARK: Pooling

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

    // MARK: Resampling

    /// Resizing up, down and not at all in every mode, and its gradient.
    static let resamplings: [OpCase] = [
        ([4, 5, 3], [8, 10, 6], 3), ([7, 4, 9], [3, 4, 5], 16), ([1, 1, 1], [3, 2, 4], 1),
        ([5, 6, 7], [5, 6, 7], 33), ([3, 4, 5], [1, 1, 1], 2), ([4, 4, 5], [7, 9, 13], 16), ([9, 2, 6], [4, 5, 6], 1),
    ].flatMap { from, to, channels in
        [(Resample3dParams.Mode.nearest, false), (.trilinear, false), (.trilinear, true)].flatMap { mode, align in
            [false, true].map { accumulate in
                resample(
                    Shape([2] + from + [channels]), Shape([2] + to + [channels]),
                    Resample3dParams(mode: mode, alignCorners: align), accumulate: accumulate)
            }
        }
    }

    private static func resample(
        _ from: Shape, _ to: Shape, _ params: Resample3dParams, accumulate: Bool
    ) -> OpCase {
        let name =
            "resample3d_\(params.mode)\(params.alignCorners ? "_align" : "")_\(extents(from))_to_\(to.size)"
            .replacing("×", with: "x") + (accumulate ? "_accumulate" : "")
        return OpCase(name, op: "resample3d") { arrays in
            let x = try arrays.input(from)
            let upstream = try arrays.upstream(to)
            let y = try arrays.output("y", to, .op)
            let gx = try arrays.output("gx", from, accumulate: accumulate, .op)
            try arrays.differentiate(y, upstream: upstream, [(x, gx)])
            return {
                try arrays.backend.resample3d(x, params, into: y)
                try arrays.backend.resample3dBackward(upstream: upstream, params, into: gx, accumulate: accumulate)
            }
        }
    }

    // MARK: Windows

    /// Blending of two overlapping windows, and the division by their weights.
    static let windows: [OpCase] =
        [1, 2, 3, 17].map { channels in
            OpCase("blendWindow_\(channels)", op: "blendWindow") { arrays in
                let size: Shape = [4, 3, 5]
                let (first, second) = (
                    try arrays.input(Shape(size.dimensions + [channels])),
                    try arrays.input(Shape(size.dimensions + [channels]))
                )
                let weights = try arrays.input(size, 0.1..<1)
                let sum = try arrays.zeros("sum", [7, 6, 9, channels], .op)
                let weightSum = try arrays.zeros("weightSum", [7, 6, 9], .op)
                return {
                    let backend = arrays.backend
                    try backend.blendWindow(first, weights: weights, at: Triple(d: 0, h: 0, w: 0), into: sum, weightSum)
                    try backend.blendWindow(
                        second, weights: weights, at: Triple(d: 3, h: 2, w: 4), into: sum, weightSum)
                }
            }
        } + [1, 2, 3, 17].flatMap { channels in [false, true].map { divide(channels, inPlace: $0) } }

    private static func divide(_ channels: Int, inPlace: Bool) -> OpCase {
        OpCase("divideRows_\(channels)" + (inPlace ? "_inplace" : ""), op: "divideRows") { arrays in
            let shape: Shape = [53, channels]
            let divisors = try arrays.input([53], 0.25..<2)
            let y = inPlace ? try arrays.state("y", shape, -1..<1, .op) : try arrays.output("y", shape, .op)
            let x = inPlace ? y : try arrays.input(shape)
            return { try arrays.backend.divideRows(x, by: divisors, into: y) }
        }
    }
}
