public import SegBackend

extension ReferenceBackend {
    /// c = alpha · op(a) · op(b) + bias + beta · c.
    public func matmul(
        _ a: BufferView, _ b: BufferView, bias: BufferView?, _ params: MatmulParams, into c: BufferView
    ) throws {
        let (batch, rows, columns) = (c.shape[0], c.shape[1], c.shape[2])
        let inner = params.transposeA ? a.shape[1] : a.shape[2]
        let (aBatch, bBatch) = (a.shape[0] == 1 ? 0 : rows * inner, b.shape[0] == 1 ? 0 : inner * columns)
        let (aRow, aInner) = params.transposeA ? (1, rows) : (inner, 1)
        let (bInner, bColumn) = params.transposeB ? (1, inner) : (columns, 1)
        let (alpha, beta) = (Double(params.alpha), Double(params.beta))
        let (left, right) = try (factor(a), factor(b))
        defer { withExtendedLifetime((left, right)) {} }
        let (a, b, c, bias) = (left.doubles, right.doubles, c.doubles, bias?.doubles)
        var sums = [Double](repeating: 0, count: columns)
        for n in 0..<batch {
            for m in 0..<rows {
                for j in 0..<columns { sums[j] = 0 }
                for k in 0..<inner {
                    let value = a[n * aBatch + m * aRow + k * aInner]
                    let row = b + n * bBatch + k * bInner
                    for j in 0..<columns { sums[j] += value * row[j * bColumn] }
                }
                let row = c + (n * rows + m) * columns
                for j in 0..<columns {
                    row[j] = alpha * sums[j] + (bias.map { $0[j] } ?? 0) + (beta == 0 ? 0 : beta * row[j])
                }
            }
        }
    }
}
