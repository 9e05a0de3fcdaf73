import SegBackend

extension OpCases {
    /// Attention and its gradients.
    static let attentions: [OpCase] =
        [8, 16, 20, 64].flatMap { extent in
            [1, 2, 7, 33, 64, 70].map { tokens in
                attention([tokens < 64 ? 2 : 1, tokens, 3, extent], spread: 1)
            }
        } + [attention([1, 37, 2, 16], spread: 4)]

    private static func attention(_ shape: Shape, spread: Float) -> OpCase {
        let name = "attention_\(extents(shape))" + (spread == 1 ? "" : "_peaked")
        let products = AttentionCost.forwardProducts + AttentionCost.backwardProducts
        let flops = 2 * AttentionCost.multiplyAdds(shape, shape, products: products)
        return OpCase(name, op: "attention", flops: flops) { arrays in
            let inputs = try (0..<3).map { _ in try arrays.input(shape, -spread..<spread) }
            let upstream = try arrays.upstream(shape)
            let y = try arrays.output("y", shape, .op)
            let logSumExp = try arrays.output("logSumExp", [shape[0], shape[2], shape[1]], .op)
            // A softmax over one token is constant: q and k have no gradient.
            let tolerance: Tolerance = shape[1] == 1 ? .zeroGradient : .op
            let gq = try arrays.output("gq", shape, tolerance)
            let gk = try arrays.output("gk", shape, tolerance)
            let gv = try arrays.output("gv", shape, .op)
            let scale = 1 / Float(shape[3]).squareRoot()
            try arrays.differentiate(y, upstream: upstream, Array(zip(inputs, [gq, gk, gv])))
            return {
                try arrays.backend.attention(
                    inputs[0], inputs[1], inputs[2], scale: scale, into: y, logSumExp: logSumExp)
                try arrays.backend.attentionBackward(
                    inputs[0], inputs[1], inputs[2], output: y, logSumExp: logSumExp, upstream: upstream,
                    scale: scale, into: gq, gk, gv)
            }
        }
    }
}
