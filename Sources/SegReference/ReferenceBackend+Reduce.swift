public import SegBackend

extension ReferenceBackend {
    /// Reduces the middle axis of `[outer, n, inner]`.
    public func reduce(
        _ op: ReduceOp, _ x: BufferView, outer: Int, inner: Int, into y: BufferView, accumulate: Bool
    ) throws {
        guard y.count > 0 else { return }
        let n = x.count / (outer * inner)
        let (x, y) = (x.doubles, y.doubles)
        for o in 0..<outer {
            for i in 0..<inner {
                let value: (Int) -> Double = { x[(o * n + $0) * inner + i] }
                let result =
                    switch op {
                    case .sum: (0..<n).reduce(0) { $0 + value($1) }
                    case .mean: (0..<n).reduce(0) { $0 + value($1) } / Double(n)
                    case .max: (0..<n).reduce(-Double.infinity) { $0.isNaN || $0 > value($1) ? $0 : value($1) }
                    }
                y[o * inner + i] = accumulate && op != .max ? y[o * inner + i] + result : result
            }
        }
    }
}
