import Foundation
public import SegBackend

extension ReferenceBackend {
    /// softmax(q · kᵀ · scale) · v, one query at a time.
    public func attention(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, scale: Float, into y: BufferView, logSumExp: BufferView
    ) throws {
        try attend(factor(q), factor(k), factor(v), scale: scale, into: y, logSumExp: logSumExp)
    }

    private func attend(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, scale: Float, into y: BufferView, logSumExp: BufferView
    ) throws {
        let heads = Heads(q.shape)
        let (tokens, extent) = (heads.tokens, heads.extent)
        let (q, k, v, y, lse) = (q.doubles, k.doubles, v.doubles, y.doubles, logSumExp.doubles)
        let weights = UnsafeMutablePointer<Double>.allocate(capacity: tokens)
        defer { weights.deallocate() }
        heads.forEachQuery { n, head, t in
            let at = heads.offset(n, t, head)
            for s in 0..<tokens {
                weights[s] = Double(scale) * dot(q + at, k + heads.offset(n, s, head), extent)
            }
            lse[heads.row(n, head, t)] = Softmax.write(weights, tokens, into: weights)
            for e in 0..<extent { y[at + e] = 0 }
            for s in 0..<tokens { add(weights[s], v + heads.offset(n, s, head), extent, to: y + at) }
        }
    }

    /// With P the softmax, dV = Pᵀ·dY, dS = P ∘ (dY·Vᵀ − rowsum(dY ∘ Y)), dQ = scale·dS·K, dK = scale·dSᵀ·Q.
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
        let (heads, scale) = (Heads(q.shape), Double(scale))
        for gradient in [gq, gk, gv] { gradient.doubles.update(repeating: 0, count: gradient.count) }
        let (q, k, v, y, lse) = (q.doubles, k.doubles, v.doubles, y.doubles, logSumExp.doubles)
        let (dy, gq, gk, gv) = (upstream.doubles, gq.doubles, gk.doubles, gv.doubles)
        let extent = heads.extent
        heads.forEachQuery { n, head, t in
            let at = heads.offset(n, t, head)
            let centre = dot(dy + at, y + at, extent)
            for s in 0..<heads.tokens {
                let other = heads.offset(n, s, head)
                let weight = exp(scale * dot(q + at, k + other, extent) - lse[heads.row(n, head, t)])
                let slope = scale * weight * (dot(dy + at, v + other, extent) - centre)
                add(weight, dy + at, extent, to: gv + other)
                add(slope, k + other, extent, to: gq + at)
                add(slope, q + at, extent, to: gk + other)
            }
        }
    }

    private func dot(_ a: UnsafeMutablePointer<Double>, _ b: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
        (0..<count).reduce(0) { $0 + a[$1] * b[$1] }
    }

    private func add(
        _ factor: Double, _ x: UnsafeMutablePointer<Double>, _ count: Int, to y: UnsafeMutablePointer<Double>
    ) {
        for i in 0..<count { y[i] += factor * x[i] }
    }
}

/// The offsets in `[N, T, heads, E]` and in `[N, heads, T]`.
private struct Heads {
    let batch: Int
    let tokens: Int
    let heads: Int
    let extent: Int

    init(_ shape: Shape) { (batch, tokens, heads, extent) = (shape[0], shape[1], shape[2], shape[3]) }

    func offset(_ n: Int, _ token: Int, _ head: Int) -> Int { ((n * tokens + token) * heads + head) * extent }

    func row(_ n: Int, _ head: Int, _ token: Int) -> Int { (n * heads + head) * tokens + token }

    func forEachQuery(_ body: (_ n: Int, _ head: Int, _ token: Int) -> Void) {
        for n in 0..<batch {
            for head in 0..<heads {
                for token in 0..<tokens { body(n, head, token) }
            }
        }
    }
}
