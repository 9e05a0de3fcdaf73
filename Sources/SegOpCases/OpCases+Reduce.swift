import SegBackend

extension OpCases {
    /// Sums, means and maxima over an axis.
    static let reductions: [OpCase] = [
        (1, 1000, 1), (7, 5, 3), (12, 33, 1), (1, 60, 17), (3, 1, 5), (1, 1, 1), (2, 129, 16), (1, 4097, 33),
        (1, 150_001, 3), (2, 100_003, 1),
    ].flatMap { outer, n, inner in
        ReduceOp.allCases.map { reduce($0, outer, n, inner, accumulate: false) }
            + [ReduceOp.sum, .mean].map { reduce($0, outer, n, inner, accumulate: true) }
    }

    private static func reduce(_ op: ReduceOp, _ outer: Int, _ n: Int, _ inner: Int, accumulate: Bool) -> OpCase {
        let name = "reduce_\(op.rawValue)_\(outer)x\(n)x\(inner)" + (accumulate ? "_accumulate" : "")
        return OpCase(name, op: "reduce", flops: outer * n * inner, bytes: 4 * outer * (n + 1) * inner) { arrays in
            let x = try arrays.upstream([outer, n, inner])
            let y = try arrays.output("y", [outer, inner], accumulate: accumulate, .reduction(terms: n))
            return {
                try arrays.backend.reduce(op, x, outer: outer, inner: inner, into: y, accumulate: accumulate)
            }
        }
    }
}
