import CSegCPU
internal import SegBackend
internal import SegCore

/// The maximum size in bytes of the products in memory.
private let slabBudget = 4 << 20

extension CPUBackend {
    /// Whether a transposed convolution has a large kernel and writes each output once: the gradient of a patch
    /// embedding.
    static func isDisjoint(_ params: Conv3dParams, x: Shape, y: Shape) -> Bool {
        params.kernel.count >= 64 && params.kernel == params.stride && params.dilation == Triple(1)
            && params.padding == Triple(0) && params.groups == 1 && y.size == x.size.zip(params.stride, *)
    }

    /// Computes a disjoint transposed convolution as a product, `[pixels, in]` times `[in, out · taps]`. Each row of
    /// the product is then written as a patch.
    func convolveDisjoint(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool
    ) throws {
        let (inputs, columns) = (x.shape.channels, y.shape.channels * params.kernel.count)
        let rows = x.shape.rows
        let slab = max(1, min(rows, slabBudget / (columns * 4)))
        let patches = try allocate([slab, columns], .f32)
        for first in stride(from: 0, to: rows, by: slab) {
            let count = min(slab, rows - first)
            let pixels = BufferView(
                buffer: x.buffer, offset: x.offset + first * inputs, shape: [1, count, inputs], dtype: .f32)
            try multiply(
                pixels, weight.reshaped([1, inputs, columns]), bias: nil,
                MatmulParams(transposeA: false, transposeB: false, alpha: 1, beta: 0),
                into: BufferView(
                    buffer: patches.buffer, offset: patches.offset, shape: [1, count, columns], dtype: .f32))
            let fold = PatchFold(kernel: params.kernel, grid: x.shape.size, y: y, bias: bias, accumulate: accumulate)
            threads.run(count) { row, _ in fold.lay(patches.floats + row * columns, pixel: first + row) }
        }
    }
}

/// Writes rows of products as patches of a volume.
private struct PatchFold {
    private let kernel: Triple
    private let grid: Triple
    private let y: UnsafeMutablePointer<Float>
    private let bias: UnsafeMutablePointer<Float>?
    private let channels: Int
    private let accumulate: Bool

    init(kernel: Triple, grid: Triple, y: BufferView, bias: BufferView?, accumulate: Bool) {
        self.kernel = kernel
        self.grid = grid
        (self.y, self.bias, channels) = (y.floats, bias?.floats, y.shape.channels)
        self.accumulate = accumulate
    }

    /// Writes or adds one pixel's patch, `[channel][tap]`.
    func lay(_ patch: UnsafePointer<Float>, pixel: Int) {
        let (w, h) = (pixel % grid.w, pixel / grid.w % grid.h)
        let slice = pixel / (grid.w * grid.h)  // numbered over all samples
        for kd in 0..<kernel.d {
            for kh in 0..<kernel.h {
                let line = (slice * kernel.d + kd) * grid.h * kernel.h + h * kernel.h + kh
                let to = y + (line * grid.w + w) * kernel.w * channels
                for channel in 0..<channels {
                    let from = patch + ((channel * kernel.d + kd) * kernel.h + kh) * kernel.w
                    let bias = bias?[channel] ?? 0
                    for kw in 0..<kernel.w {
                        let at = kw * channels + channel
                        to[at] = from[kw] + bias + (accumulate ? to[at] : 0)
                    }
                }
            }
        }
    }
}
