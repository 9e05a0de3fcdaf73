import SegBackend

extension OpCases {
    /// Matrix products: every pair of transposes, with bias and beta, and matrices that are broadcast over a batch.
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
        let flops = 2 * size.batch * size.m * size.n * size.k
        return OpCase(name, op: "matmul", flops: flops) { arrays in
            let (m, n, k) = (size.m, size.n, size.k)
            let a = try arrays.input(params.transposeA ? [size.a, k, m] : [size.a, m, k])
            let b = try arrays.input(params.transposeB ? [size.b, n, k] : [size.b, k, n])
            let bias = bias ? try arrays.input([n]) : nil
            let c = try arrays.output("c", [size.batch, m, n], accumulate: params.beta != 0, .op)
            return { try arrays.backend.matmul(a, b, bias: bias, params, into: c) }
        }
    }
}
