import CSegCPU
import Foundation
public import SegBackend

/// The numbers of queries and keys in a block of scores.
private let queryBlock = 64
private let keyBlock = 128

extension CPUBackend {
    /// Computes attention for blocks of queries and blocks of keys, with a running maximum and sum.
    public func attention(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, scale: Float, into y: BufferView, logSumExp: BufferView
    ) throws {
        try attend(factor(q), factor(k), factor(v), scale: scale, into: y, logSumExp: logSumExp)
    }

    private func attend(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, scale: Float, into y: BufferView, logSumExp: BufferView
    ) throws {
        let heads = HeadLayout(q.shape)
        let blocks = (heads.queries + queryBlock - 1) / queryBlock
        let size = queryBlock * (keyBlock + 3)
        let memory = try scratch(Float.self, threads.count * size)
        defer { memory.done() }
        let kernel = try MatrixKernel(self)
        defer { kernel.done() }
        let (queries, keys, values, output, logs) = (q.floats, k.floats, v.floats, y.floats, logSumExp.floats)
        threads.run(heads.count * blocks) { task, thread in
            let product = HeadProduct(kernel: kernel, thread: thread)
            let (head, first) = (task / blocks, task % blocks * queryBlock)
            let rows = min(queryBlock, heads.queries - first)
            let start = heads.start(head)
            let query = queries + start + first * heads.stride
            let result = output + start + first * heads.stride
            let scores = memory.base + thread * size
            let maximum = scores + queryBlock * keyBlock
            let (sum, decay) = (maximum + queryBlock, maximum + 2 * queryBlock)
            maximum.update(repeating: -.infinity, count: rows)
            sum.update(repeating: 0, count: rows)
            for key in stride(from: 0, to: heads.queries, by: keyBlock) {
                let count = min(keyBlock, heads.queries - key)
                let offset = start + key * heads.stride
                product(
                    query, heads.stride, keys + offset, heads.stride, .timesTransposed, rows, count, heads.width, 0,
                    scores, keyBlock)
                kernels.attention_scores(scores, rows, count, keyBlock, scale, maximum, sum, decay)
                if key > 0 { kernels.scale_rows(result, rows, heads.width, heads.stride, decay) }
                product(
                    scores, keyBlock, values + offset, heads.stride, .times, rows, heads.width, count, key > 0 ? 1 : 0,
                    result, heads.stride)
            }
            for row in 0..<rows {
                logs[head * heads.queries + first + row] = maximum[row] + Foundation.log(sum[row])
                decay[row] = 1 / sum[row]
            }
            kernels.scale_rows(result, rows, heads.width, heads.stride, decay)
        }
    }

    /// Computes the gradients; probabilities are recomputed block by block from `logSumExp`.
    public func attentionBackward(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, output y: BufferView, logSumExp: BufferView,
        upstream: BufferView, scale: Float, into gq: BufferView, _ gk: BufferView, _ gv: BufferView
    ) throws {
        try attendBackward(
            factor(q), factor(k), factor(v), output: y, logSumExp: logSumExp, upstream: factor(upstream), scale: scale,
            into: gq, gk, gv)
    }

    private func attendBackward(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, output y: BufferView, logSumExp: BufferView,
        upstream: BufferView, scale: Float, into gq: BufferView, _ gk: BufferView, _ gv: BufferView
    ) throws {
        let heads = HeadLayout(q.shape)
        let size = queryBlock * (2 * keyBlock + 1)
        let memory = try scratch(Float.self, threads.count * size)
        defer { memory.done() }
        let kernel = try MatrixKernel(self)
        defer { kernel.done() }
        let (queries, keys, values, outputs) = (q.floats, k.floats, v.floats, y.floats)
        let (signal, logs) = (upstream.floats, logSumExp.floats)
        let (gradientQ, gradientK, gradientV) = (gq.floats, gk.floats, gv.floats)
        let (pitch, width) = (heads.stride, heads.width)
        threads.run(heads.count) { head, thread in
            let product = HeadProduct(kernel: kernel, thread: thread)
            let scores = memory.base + thread * size
            let gradients = scores + queryBlock * keyBlock
            let dots = gradients + queryBlock * keyBlock
            for first in stride(from: 0, to: heads.queries, by: queryBlock) {
                let rows = min(queryBlock, heads.queries - first)
                let at = heads.start(head) + first * pitch
                kernels.row_dots(outputs + at, signal + at, rows, width, pitch, dots)
                for key in stride(from: 0, to: heads.queries, by: keyBlock) {
                    let count = min(keyBlock, heads.queries - key)
                    let to = heads.start(head) + key * pitch
                    let again: Float = first > 0 ? 1 : 0
                    product(
                        queries + at, pitch, keys + to, pitch, .timesTransposed, rows, count, width, 0, scores, keyBlock
                    )
                    product(
                        signal + at, pitch, values + to, pitch, .timesTransposed, rows, count, width, 0, gradients,
                        keyBlock)
                    kernels.attention_gradient(
                        scores, gradients, rows, count, keyBlock, scale, logs + head * heads.queries + first, dots)
                    product(
                        scores, keyBlock, signal + at, pitch, .transposedTimes, count, width, rows, again,
                        gradientV + to, pitch)
                    product(
                        gradients, keyBlock, queries + at, pitch, .transposedTimes, count, width, rows, again,
                        gradientK + to, pitch)
                    product(
                        gradients, keyBlock, keys + to, pitch, .times, rows, width, count, key > 0 ? 1 : 0,
                        gradientQ + at, pitch)
                }
            }
        }
    }
}

/// The offsets and strides of the heads in `[N, T, heads, E]`.
private struct HeadLayout {
    private let heads: Int
    /// T.
    let queries: Int
    /// E.
    let width: Int
    /// The number of heads in the batch.
    let count: Int

    init(_ shape: Shape) {
        (heads, queries, width) = (shape[2], shape[1], shape[3])
        count = shape[0] * shape[2]
    }

    /// The number of elements from a row of a head to the next row.
    var stride: Int { heads * width }

    /// The index of the first element of a head.
    func start(_ head: Int) -> Int { head / heads * queries * stride + head % heads * width }
}

/// The factor of a product that is transposed.
private enum ProductForm {
    case times
    case timesTransposed
    case transposedTimes
}

/// Matrix products on one thread.
private struct HeadProduct {
    let kernel: MatrixKernel
    let thread: Int

    /// c `[m, n]` = a · b + beta · c with an inner axis of size k; each matrix has a row pitch.
    func callAsFunction(
        _ a: UnsafePointer<Float>, _ pitchA: Int, _ b: UnsafePointer<Float>, _ pitchB: Int, _ form: ProductForm,
        _ m: Int, _ n: Int, _ k: Int, _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ pitchC: Int
    ) {
        let product = segcpu_product(
            transpose_a: form == .transposedTimes, transpose_b: form == .timesTransposed, m: m, n: n, k: k, alpha: 1,
            a: a, a_row: pitchA, b: b, b_row: pitchB, beta: beta, c: c, c_row: pitchC)
        kernel(product, thread: thread)
    }
}
