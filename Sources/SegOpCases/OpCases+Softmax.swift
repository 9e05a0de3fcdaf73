import SegBackend

extension OpCases {
    /// Softmax and its gradient.
    static let softmaxes: [OpCase] = [1, 2, 3, 5, 16, 17, 33, 70].flatMap { channels in
        [
            softmax([2, 3, 4, channels], range: -3..<3, inPlace: false),
            softmax([7, channels], range: -90..<90, inPlace: true),
            softmaxBackward([2, 5, 3, channels], accumulate: false),
            softmaxBackward([7, channels], accumulate: true),
        ]
    }

    private static func softmax(_ shape: Shape, range: Range<Float>, inPlace: Bool) -> OpCase {
        OpCase("softmax_\(extents(shape))" + (inPlace ? "_large_inplace" : ""), op: "softmax") { arrays in
            let y = inPlace ? try arrays.state("y", shape, range, .op) : try arrays.output("y", shape, .op)
            let x = inPlace ? y : try arrays.input(shape, range)
            return { try arrays.backend.softmax(x, into: y) }
        }
    }

    private static func softmaxBackward(_ shape: Shape, accumulate: Bool) -> OpCase {
        let name = "softmax_backward_\(extents(shape))" + (accumulate ? "_accumulate" : "")
        return OpCase(name, op: "softmax") { arrays in
            let x = try arrays.input(shape, -3..<3)
            let y = try arrays.output("y", shape, .op)
            let upstream = try arrays.upstream(shape)
            // With one channel y is 1 and its gradient is 0.
            let tolerance: Tolerance = shape.channels == 1 ? .zeroGradient : .op
            let gx = try arrays.output("gx", shape, accumulate: accumulate, tolerance)
            try arrays.differentiate(y, upstream: upstream, [(x, gx)])
            return {
                try arrays.backend.softmax(x, into: y)
                try arrays.backend.softmaxBackward(y, upstream: upstream, into: gx, accumulate: accumulate)
            }
        }
    }
}
