import SegBackend

extension OpCases {
    /// Matrix products: every pair of transposes, with bias and beta, and matrices that serve a whole batch.
    static let matmuls: [OpCase] = matmulSizes.flatMap { size in
        [false, true].flatMap { transposeA in
            [false, true].flatMap { transposeB in
                [(false, Float(0), Float(1)), (true, 0, 0.5), (true, -0.5, 1)].map { bias, beta, alpha in
                    let params = MatmulParams(
                        transposeA: transposeA, transposeB: transposeB, alpha: alpha, beta: beta)
                    return matmul(size, params, bias: bias)
                }
            }
        }
    }

    private struct MatmulSize: Sendable {
        var a: Int
        var b: Int
        let m: Int
        let n: Int
        let k: Int
        var batch: Int { max(a, b) }
    }

    private static let matmulSizes = [
        MatmulSize(a: 1, b: 1, m: 1, n: 1, k: 1), MatmulSize(a: 3, b: 3, m: 5, n: 7, k: 3),
        MatmulSize(a: 1, b: 1, m: 17, n: 33, k: 16), MatmulSize(a: 2, b: 1, m: 31, n: 13, k: 25),
        MatmulSize(a: 1, b: 3, m: 6, n: 10, k: 9), MatmulSize(a: 1, b: 1, m: 64, n: 48, k: 96),
        MatmulSize(a: 4, b: 4, m: 1, n: 5, k: 130), MatmulSize(a: 1, b: 1, m: 130, n: 1, k: 2),
    ]

    private static func matmul(_ size: MatmulSize, _ params: MatmulParams, bias: Bool) -> OpCase {
        let letters = (params.transposeA ? "t" : "n") + (params.transposeB ? "t" : "n")
        let name =
            "matmul_\(letters)_\(size.a)x\(size.b)_\(size.m)x\(size.n)x\(size.k)"
            + (bias ? "_bias" : "") + (params.beta != 0 ? "_beta" : "")
        let (m, n, k) = (size.m, size.n, size.k)
        let (left, product): (Shape, Shape) = (
            params.transposeA ? [size.a, k, m] : [size.a, m, k], [size.batch, m, n]
        )
        let flops = 2 * params.multiplyAdds(left, into: product)
        return OpCase(name, op: "matmul", flops: flops) { arrays in
            let a = try arrays.input(left)
            let b = try arrays.input(params.transposeB ? [size.b, n, k] : [size.b, k, n])
            let bias = bias ? try arrays.input([n]) : nil
            let c = try arrays.output("c", product, accumulate: params.beta != 0, .op)
            return { try arrays.backend.matmul(a, b, bias: bias, params, into: c) }
        }
    }

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
