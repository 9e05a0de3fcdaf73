public import SegBackend

extension OpenCLBackend {
    /// Computes c in tiles through local memory and registers.
    public func matmul(
        _ a: BufferView, _ b: BufferView, bias: BufferView?, _ params: MatmulParams, into c: BufferView
    ) throws {
        guard c.count > 0 else { return }
        let (batch, rows, columns) = (c.shape[0], c.shape[1], c.shape[2])
        let inner = params.inner(a.shape)
        let product = MatrixProduct(a: a, b: b, bias: bias, params: params, inner: inner)
        let usual: GemmTile =
            if case .tile(let index)? = forcedPlan {
                GemmTile.candidates[index]
            } else {
                largestTile(within: GemmTile.wide) ?? GemmTile.wide
            }
        let chosen = try plan(
            for: "matmul \(batch)x\(rows)x\(columns)x\(inner) \(params.transposeA ? "t" : "n")"
                + (params.transposeB ? "t" : "n") + precisionSuffix,
            usual: .gemm(usual), candidates: GemmTile.candidates.map { .gemm($0) }
        ) { try multiply(product, into: scratch(c.count).reshaped(c.shape), by: $0) }
        try multiply(product, into: c, by: chosen)
    }

    private func multiply(_ product: MatrixProduct, into c: BufferView, by plan: Conv3dPlan) throws {
        guard case .gemm(let tile) = plan else { preconditionFailure("the plan \(plan) computes no matrix product") }
        let (batch, rows, columns, inner) = (c.shape[0], c.shape[1], c.shape[2], product.inner)
        let (a, b, params) = (product.a, product.b, product.params)
        let isWide = product.holdsVectors(c) && tile.fits(device, .matmul, isWide: true, matrixUnits)
        try launcher.run(
            isWide
                ? Kernel(
                    "matmul/matmul_wide", "matmul_wide",
                    defines: defines(tile) + [
                        ("TRANSPOSE_A", params.transposeA ? 1 : 0), ("TRANSPOSE_B", params.transposeB ? 1 : 0),
                    ])
                : Kernel("matmul/matmul", "matmul", defines: defines(tile)),
            LaunchGrid(
                groups: (tile.groups(columns: columns), tile.groups(rows: rows), batch), items: tile.items),
            [
                .view(a), .view(b), .view(product.bias), .view(c), .int(rows), .int(columns), .int(inner),
                .flag(params.transposeA), .flag(params.transposeB), .long(a.shape[0] == 1 ? 0 : rows * inner),
                .long(b.shape[0] == 1 ? 0 : inner * columns), .float(params.alpha), .float(params.beta),
            ], LaunchCost(multiplyAdds: product.params.multiplyAdds(a.shape, into: c.shape), bytes: nil))
    }
}

/// The operands of a matrix product.
private struct MatrixProduct {
    let a: BufferView
    let b: BufferView
    let bias: BufferView?
    let params: MatmulParams
    let inner: Int

    /// Whether matmul_wide can compute the product: the rows of every matrix are whole vectors of four.
    func holdsVectors(_ c: BufferView) -> Bool {
        let (rows, columns) = (c.shape[1], c.shape[2])
        return (params.transposeA ? rows : inner) % 4 == 0 && (params.transposeB ? inner : columns) % 4 == 0
            && columns % 4 == 0 && [a, b, bias, c].allSatisfy(\.holdsVectors)
    }
}
