import CSegCPU
public import SegBackend

/// The minimum number of elements of a task; a smaller task would not save the time that its start takes.
private let elementGrain = 1 << 15

/// The maximum size of a repeated operand that is copied to a table of whole vectors.
private let longestPeriod = 1 << 12

extension CPUBackend: ElementwiseOps {
    /// Computes y. Operands that repeat as a whole are read from a table of whole vectors, other broadcasts row by row.
    public func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws {
        guard y.count > 0 else { return }
        let broadcast = Broadcast(a.shape, b.shape, to: y.shape)
        if let periods = broadcast.periods, isShort(periods.a, y), isShort(periods.b, y) {
            try binaryByPeriods(op, a, b, into: y, periods)
        } else {
            binaryByRows(op, a, b, into: y, broadcast)
        }
    }

    private func isShort(_ period: Int, _ y: BufferView) -> Bool { period == y.count || period <= longestPeriod }

    private func binaryByPeriods(
        _ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView, _ periods: (a: Int, b: Int)
    ) throws {
        let (left, right, output, count) = (a.floats, b.floats, y.floats, y.count)
        let kind = Int32(op.number)
        guard periods.a < count || periods.b < count else {
            threads.forRanges(count, grain: elementGrain) { range in
                let at = range.lowerBound
                kernels.binary(kind, left + at, 0, right + at, 0, output + at, range.count)
            }
            return
        }
        // Both operands repeat trailing axes, so the longer period is a multiple of the shorter one.
        let period = [periods.a, periods.b].filter { $0 < count }.max() ?? 1
        let partition = RowPartition(samples: 1, positions: count / period, channels: period)
        let tables = try (table(left, periods.a, of: count), table(right, periods.b, of: count))
        defer {
            tables.0?.memory.done()
            tables.1?.memory.done()
        }
        threads.run(partition.tasks) { task, _ in
            let run = partition[task]
            kernels.binary(
                kind, tables.0?.memory.base ?? left + run.start, tables.0?.period ?? 0,
                tables.1?.memory.base ?? right + run.start, tables.1?.period ?? 0, output + run.start, run.count)
        }
    }

    /// A table with an operand repeated to a period of whole vectors; nil for an operand that does not repeat.
    private func table(
        _ x: UnsafeMutablePointer<Float>, _ period: Int, of count: Int
    ) throws -> (memory: Scratch<Float>, period: Int)? {
        guard period < count else { return nil }
        let partition = RowPartition(samples: 1, positions: count / period, channels: period)
        let memory = try scratch(Float.self, partition.period)
        partition.expand(into: memory.base) { x[$0] }
        return (memory, partition.period)
    }

    private func binaryByRows(
        _ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView, _ broadcast: Broadcast
    ) {
        let axes = broadcast.axes
        let inner = axes[axes.count - 1]
        let run = axes.count > 1 ? axes[axes.count - 2] : Broadcast.Axis(count: 1, a: 0, b: 0)
        let (left, right, output) = (a.floats, b.floats, y.floats)
        let kind = Int32(op.number)
        func compute(_ row: Int, _ rows: Int, _ columns: Range<Int>) {
            let (at, first) = (broadcast.start(of: row), columns.lowerBound)
            kernels.binary_rows(
                kind, segcpu_operand(data: left + at.a + first * inner.a, row: run.a, step: inner.a),
                segcpu_operand(data: right + at.b + first * inner.b, row: run.b, step: inner.b),
                output + row * inner.count + first, rows, columns.count)
        }
        if inner.count >= 2 * elementGrain {
            for row in 0..<broadcast.rows {
                threads.forRanges(inner.count, grain: elementGrain) { compute(row, 1, $0) }
            }
            return
        }
        threads.forRanges(broadcast.rows, grain: max(1, elementGrain / inner.count)) { rows in
            // Rows along the second-to-last axis have equal distances.
            var row = rows.lowerBound
            while row < rows.upperBound {
                let count = min(rows.upperBound - row, run.count - row % run.count)
                compute(row, count, 0..<inner.count)
                row += count
            }
        }
    }

    /// Computes y in one pass.
    public func unary(_ op: UnaryOp, _ x: BufferView, into y: BufferView) throws {
        let (input, output, kind) = (x.floats, y.floats, Int32(op.number))
        threads.forRanges(x.count, grain: elementGrain) { range in
            kernels.unary(kind, input + range.lowerBound, output + range.lowerBound, range.count)
        }
    }

    /// Computes y in one pass.
    public func cast(_ x: BufferView, into y: BufferView) throws {
        let (input, output) = (x.integers, y.floats)
        threads.forRanges(x.count, grain: elementGrain) { range in
            kernels.cast(input + range.lowerBound, output + range.lowerBound, range.count)
        }
    }

    /// Computes y in one pass.
    public func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws {
        let (input, output) = (x.floats, y.floats)
        threads.forRanges(x.count, grain: elementGrain) { range in
            kernels.scale(input + range.lowerBound, alpha, output + range.lowerBound, beta, range.count)
        }
    }
}
