import SegBackend

extension OpCases {
    /// Resizing to a larger, a smaller and the same size in every mode, and its gradient.
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
}
