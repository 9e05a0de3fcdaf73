import CSegCPU
internal import SegBackend
internal import SegCore

/// The maximum size in bytes of the unfolded input.
private let slabBudget = 4 << 20
/// The numbers of rows and columns of a product that one task computes. The tiles of a convolution are high, because
/// each task packs its own weights; the tiles of a weight gradient are wide, because each task packs its own gradients.
private let (highTile, wideTile) = ((rows: 224, columns: 96), (rows: 128, columns: 192))

extension CPUBackend {
    /// Computes a convolution as a product: unfolded input `[pixels, in · taps]` times the transpose of `[out, in ·
    /// taps]`.
    func convolveByProduct(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let product = Unfolding(params, x: x, y: y.shape)
        let outputs = y.shape.channels / params.groups
        let slab = product.slabRows(all: y.shape.rows)
        let unfolded = try product.isPlain ? nil : allocate([slab, product.columns], .f32)
        initialize(y, bias: bias, accumulate: accumulate)
        for group in 0..<params.groups {
            let weights = weight.floats + group * weight.count / params.groups
            for first in stride(from: 0, to: y.shape.rows, by: slab) {
                let rows = min(slab, y.shape.rows - first)
                let matrix = product.unfold(rows: first, rows, group: group, into: unfolded, threads)
                try forTiles(highTile, rows, outputs) { rows, columns in
                    segcpu_product(
                        transpose_a: false, transpose_b: true, m: rows.count, n: columns.count, k: product.columns,
                        alpha: 1, a: matrix.floats + rows.lowerBound * matrix.stride, a_row: matrix.stride,
                        b: weights + columns.lowerBound * product.columns, b_row: product.columns, beta: 1,
                        c: y.floats + (first + rows.lowerBound) * y.shape.channels + group * outputs
                            + columns.lowerBound, c_row: y.shape.channels)
                }
            }
        }
    }

    /// Computes the weight gradient as a product: the transpose of `[pixels, out]` times unfolded input `[pixels, in ·
    /// taps]`.
    func weightGradientByProduct(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool
    ) throws {
        let product = Unfolding(params, x: x, y: upstream.shape)
        let outputs = upstream.shape.channels / params.groups
        let slab = product.slabRows(all: upstream.shape.rows)
        let unfolded = try product.isPlain ? nil : allocate([slab, product.columns], .f32)
        if !accumulate { try fill(gw, with: 0) }
        for group in 0..<params.groups {
            let target = gw.floats + group * gw.count / params.groups
            for first in stride(from: 0, to: upstream.shape.rows, by: slab) {
                let count = min(slab, upstream.shape.rows - first)
                let matrix = product.unfold(rows: first, count, group: group, into: unfolded, threads)
                try forTiles(wideTile, outputs, product.columns) { rows, columns in
                    segcpu_product(
                        transpose_a: true, transpose_b: false, m: rows.count, n: columns.count, k: count, alpha: 1,
                        a: upstream.floats + first * upstream.shape.channels + group * outputs + rows.lowerBound,
                        a_row: upstream.shape.channels, b: matrix.floats + columns.lowerBound, b_row: matrix.stride,
                        beta: 1, c: target + rows.lowerBound * product.columns + columns.lowerBound,
                        c_row: product.columns)
                }
            }
        }
    }

    /// Computes in parallel the products that `body` describes, one for each tile of a rows × columns matrix. The tiles
    /// do not depend on the number of threads.
    private func forTiles(
        _ tile: (rows: Int, columns: Int), _ rows: Int, _ columns: Int,
        _ body: (_ rows: Range<Int>, _ columns: Range<Int>) -> segcpu_product
    ) throws {
        let kernel = try MatrixKernel(self)
        defer { kernel.done() }
        let down = (rows + tile.rows - 1) / tile.rows
        let across = (columns + tile.columns - 1) / tile.columns
        threads.run(down * across) { task, thread in
            let (i, j) = (task / across, task % across)
            let product = body(
                i * tile.rows..<min(rows, (i + 1) * tile.rows),
                j * tile.columns..<min(columns, (j + 1) * tile.columns))
            kernel(product, thread: thread)
        }
    }

    /// Sets y to the bias or zero, or adds the bias to it, so that products can be added.
    private func initialize(_ y: BufferView, bias: BufferView?, accumulate: Bool) {
        guard bias != nil || !accumulate else { return }
        let channels = y.shape.channels
        nonisolated(unsafe) let (output, bias) = (y.floats, bias?.floats)
        threads.forRanges(y.shape.rows, grain: max(1, (1 << 14) / channels)) { rows in
            for row in rows {
                for c in 0..<channels {
                    let value = bias.map { $0[c] } ?? 0
                    output[row * channels + c] = accumulate ? output[row * channels + c] + value : value
                }
            }
        }
    }
}

/// The unfolded input `[pixels, in · taps]`: each row holds the inputs of one output pixel.
private struct Unfolding {
    /// The number of elements of a row.
    let columns: Int
    /// Whether the input already has this layout.
    let isPlain: Bool
    private let inputs: Int
    private let x: BufferView
    private let geometry: segcpu_unfold3d

    init(_ params: Conv3dParams, x: BufferView, y: Shape) {
        self.x = x
        inputs = x.shape.channels / params.groups
        columns = inputs * params.kernel.count
        isPlain = params.kernel.count == 1 && params.stride.count == 1 && params.padding == Triple(0)
        geometry = segcpu_unfold3d(
            x: nil, in: cTriple(x.shape.size.array), x_pixel: x.shape.channels,
            x_sample: x.shape.positions * x.shape.channels, out: cTriple(y.size.array),
            kernel: cTriple(params.kernel.array), stride: cTriple(params.stride.array),
            padding: cTriple(params.padding.array), dilation: cTriple(params.dilation.array))
    }

    /// The number of rows that are unfolded together.
    func slabRows(all rows: Int) -> Int { isPlain ? min(rows, 1 << 14) : max(1, min(rows, slabBudget / (columns * 4))) }

    /// Unfolds `count` rows; returns the pointer to the first row and the number of floats from row to row.
    func unfold(
        rows first: Int, _ count: Int, group: Int, into unfolded: BufferView?, _ threads: ThreadPool
    ) -> (floats: UnsafeMutablePointer<Float>, stride: Int) {
        guard let unfolded else {
            return (x.floats + first * x.shape.channels + group * inputs, x.shape.channels)
        }
        var geometry = geometry
        geometry.x = UnsafePointer(x.floats + group * inputs)
        withUnsafePointer(to: geometry) { geometry in
            threads.run((count + 15) / 16) { block, _ in
                segcpu_unfold3d_rows(
                    geometry, first + block * 16, min(16, count - block * 16), inputs,
                    unfolded.floats + block * 16 * columns)
            }
        }
        return (unfolded.floats, columns)
    }
}
