import CSegCPU
public import SegBackend

extension CPUBackend {
    /// Reduces x with sums in double precision; the division of long axes into parts depends on the shape alone.
    public func reduce(
        _ op: ReduceOp, _ x: BufferView, outer: Int, inner: Int, into y: BufferView, accumulate: Bool
    ) throws {
        let n = outer * inner == 0 ? 0 : x.count / (outer * inner)
        let target = ReduceTarget(op: op, n: n, output: y.floats, accumulate: accumulate)
        if inner <= 512 && n * inner >= 1 << 14 {
            for o in 0..<outer {
                try reduceColumns(x.floats + o * n * inner, n: n, inner: inner, target, at: o * inner)
            }
        } else {
            try reduceEach(x.floats, n: n, outer: outer, inner: inner, target)
        }
    }

    /// Reduces few columns of many rows, as for bias gradients.
    private func reduceColumns(
        _ x: UnsafePointer<Float>, n: Int, inner: Int, _ target: ReduceTarget, at first: Int
    ) throws {
        let partition = RowPartition(samples: 1, positions: n, channels: inner)
        let period = partition.period
        let sums = try scratch(Double.self, partition.tasks * inner)
        let narrow = try scratch(Float.self, threads.count * period)
        let wide = try scratch(Double.self, threads.count * period)
        defer {
            sums.done()
            narrow.done()
            wide.done()
        }
        threads.run(partition.tasks) { task, thread in
            let run = partition[task]
            let (floats, results) = (narrow.base + thread * period, sums.base + task * inner)
            if target.op == .max {
                kernels.column_maxima(x + run.start, run.count, inner, period, floats, results)
            } else {
                kernels.column_sums(
                    x + run.start, run.count, inner, period, floats, wide.base + thread * period, results)
            }
        }
        for i in 0..<inner {
            let parts = (0..<partition.tasks).lazy.map { sums.base[$0 * inner + i] }
            target.set(first + i, target.op == .max ? parts.reduce(-.infinity, target.larger) : parts.reduce(0, +))
        }
    }

    /// Reduces each output separately, in chunks of up to 256 neighbours.
    private func reduceEach(
        _ x: UnsafePointer<Float>, n: Int, outer: Int, inner: Int, _ target: ReduceTarget
    ) throws {
        let width = min(inner, 256)
        guard width > 0 else { return }
        let pieces = (inner + width - 1) / width
        let results = try scratch(Double.self, threads.count * width)
        defer { results.done() }
        let batch = max(1, (1 << 14) / max(n * width, 1))
        threads.run((outer * pieces + batch - 1) / batch) { task, thread in
            let own = results.base + thread * width
            for piece in task * batch..<min(outer * pieces, (task + 1) * batch) {
                let (o, begin) = (piece / pieces, piece % pieces * width)
                let count = min(width, inner - begin)
                kernels.reduce(target.kind, x + o * n * inner + begin, n, inner, count, own)
                for i in 0..<count { target.set(o * inner + begin + i, own[i]) }
            }
        }
    }
}

/// The output of a reduction and the way in which results are written to it.
private struct ReduceTarget {
    let op: ReduceOp
    let n: Int
    let output: UnsafeMutablePointer<Float>
    let accumulate: Bool

    var kind: Int32 { op == .max ? Int32(SEGCPU_MAX) : Int32(SEGCPU_SUM) }

    /// The larger of two numbers; NaN if either is NaN.
    func larger(_ a: Double, _ b: Double) -> Double { a.isNaN || a > b ? a : b }

    func set(_ index: Int, _ total: Double) {
        let value = op == .mean ? total / Double(n) : total
        output[index] = Float(accumulate && op != .max ? Double(output[index]) + value : value)
    }
}
