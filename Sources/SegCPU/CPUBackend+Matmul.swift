import CSegCPU
public import SegBackend

extension CPUBackend {
    /// Computes c in tiles; a long inner axis with a small result is summed in parts.
    public func matmul(
        _ a: BufferView, _ b: BufferView, bias: BufferView?, _ params: MatmulParams, into c: BufferView
    ) throws {
        try multiply(factor(a), factor(b), bias: bias, params, into: c)
    }

    /// Computes `matmul` of factors that are already rounded to the backend's precision.
    func multiply(
        _ a: BufferView, _ b: BufferView, bias: BufferView?, _ params: MatmulParams, into c: BufferView
    ) throws {
        let product = MatrixProduct(a, b, bias, params, c)
        guard product.m > 0 && product.n > 0 && product.batch > 0 else { return }
        let kernel = try MatrixKernel(self)
        defer { kernel.done() }
        let parts = product.parts
        guard parts > 1 else {
            threads.run(product.tiles) { task, thread in product.computeTile(task, kernel, thread: thread) }
            return
        }
        // For a long inner axis and a small result, partial products are computed and then added in order.
        let size = product.m * product.n
        let partial = try scratch(Float.self, parts * size)
        defer { partial.done() }
        for matrix in 0..<product.batch {
            threads.run(parts) { part, thread in
                product.computePart(
                    part, of: parts, matrix, into: partial.base + part * size, kernel, thread: thread)
            }
            product.combine(partial.base, parts: parts, matrix)
        }
    }
}

/// A batch of products divided into tiles, one task each. The tiles depend on the shapes alone.
private struct MatrixProduct {
    let batch: Int
    let m: Int
    let n: Int
    let k: Int
    private let params: MatmulParams
    private let a: UnsafePointer<Float>
    private let b: UnsafePointer<Float>
    private let c: UnsafeMutablePointer<Float>
    private let bias: UnsafePointer<Float>?
    private let stepA: Int
    private let stepB: Int
    private let tileM: Int
    private let tileN: Int

    init(_ a: BufferView, _ b: BufferView, _ bias: BufferView?, _ params: MatmulParams, _ c: BufferView) {
        let rank = a.shape.rank
        self.params = params
        (m, n) = (c.shape[c.shape.rank - 2], c.shape.channels)
        k = params.transposeA ? a.shape[rank - 2] : a.shape[rank - 1]
        batch = m * n == 0 ? 0 : c.count / (m * n)
        stepA = a.count > m * k ? m * k : 0
        stepB = b.count > k * n ? k * n : 0
        (self.a, self.b, self.c) = (UnsafePointer(a.floats), UnsafePointer(b.floats), c.floats)
        self.bias = bias.map { UnsafePointer($0.floats) }
        // The longer side is halved until there are enough tiles for the threads.
        var (tileM, tileN) = (m, n)
        while batch * Self.pieces(m, tileM) * Self.pieces(n, tileN) < 8 && max(tileM, tileN) >= 128 {
            if tileM >= tileN { tileM = Self.half(tileM) } else { tileN = Self.half(tileN) }
        }
        (self.tileM, self.tileN) = (tileM, tileN)
    }

    private static func pieces(_ count: Int, _ tile: Int) -> Int { (count + tile - 1) / tile }

    private static func half(_ tile: Int) -> Int { ((tile + 1) / 2 + 15) & ~15 }

    private var tilesN: Int { Self.pieces(n, tileN) }
    private var tilesOfOne: Int { Self.pieces(m, tileM) * tilesN }

    /// The number of tiles in the batch.
    var tiles: Int { batch * tilesOfOne }

    /// The number of parts in which the inner axis is summed.
    var parts: Int { tiles < 4 ? max(1, min(16, k / 2048)) : 1 }

    /// Computes one tile of c.
    func computeTile(_ tile: Int, _ kernel: MatrixKernel, thread: Int) {
        let (matrix, rest) = (tile / tilesOfOne, tile % tilesOfOne)
        let (row, column) = (rest / tilesN * tileM, rest % tilesN * tileN)
        let (rows, columns) = (min(tileM, m - row), min(tileN, n - column))
        let output = c + matrix * m * n + row * n + column
        let beta = prepare(output, rows: rows, columns: columns, bias: bias.map { $0 + column })
        let left = a + matrix * stepA + (params.transposeA ? row : row * k)
        let right = b + matrix * stepB + (params.transposeB ? column * k : column)
        kernel(inner(left, right, rows, columns, k, beta, output, n), thread: thread)
    }

    /// Sets c to bias + beta · c, to which the product is then added; returns the beta of that product, 1. If nothing needs
    /// to be set, c is unchanged and the result is the beta of the parameters.
    private func prepare(
        _ output: UnsafeMutablePointer<Float>, rows: Int, columns: Int, bias: UnsafePointer<Float>?
    ) -> Float {
        let beta = params.beta
        if bias == nil && k > 0 { return beta }
        for i in 0..<rows {
            let row = output + i * n
            for j in 0..<columns { row[j] = (bias?[j] ?? 0) + (beta == 0 ? 0 : beta * row[j]) }
        }
        return 1
    }

    private func inner(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, _ rows: Int, _ columns: Int, _ depth: Int,
        _ beta: Float, _ output: UnsafeMutablePointer<Float>, _ stride: Int
    ) -> segcpu_product {
        segcpu_product(
            transpose_a: params.transposeA, transpose_b: params.transposeB, m: rows, n: columns, k: depth,
            alpha: params.alpha, a: left, a_row: params.transposeA ? m : k, b: right,
            b_row: params.transposeB ? k : n, beta: beta, c: output, c_row: stride)
    }

    /// Computes alpha · a · b over one part of the inner axis.
    func computePart(
        _ part: Int, of parts: Int, _ matrix: Int, into partial: UnsafeMutablePointer<Float>, _ kernel: MatrixKernel,
        thread: Int
    ) {
        let (begin, end) = (k * part / parts, k * (part + 1) / parts)
        let left = a + matrix * stepA + (params.transposeA ? begin * m : begin)
        let right = b + matrix * stepB + (params.transposeB ? begin : begin * n)
        kernel(inner(left, right, m, n, end - begin, 0, partial, n), thread: thread)
    }

    /// c = Σ parts + bias + beta · c.
    func combine(_ partial: UnsafePointer<Float>, parts: Int, _ matrix: Int) {
        let output = c + matrix * m * n
        for i in 0..<m * n {
            var total = Double(bias?[i % n] ?? 0)
            for part in 0..<parts { total += Double(partial[part * m * n + i]) }
            output[i] = Float(params.beta == 0 ? total : total + Double(params.beta * output[i]))
        }
    }
}
