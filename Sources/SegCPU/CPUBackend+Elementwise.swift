import CSegCPU
public import SegBackend

/// Elements below which a task is not worth its start.
private let elementGrain = 1 << 15

extension CPUBackend {
    /// A short operand is repeated to a period of whole vectors.
    public func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws {
        let (left, right, output) = (a.floats, b.floats, y.floats)
        if b.count == a.count {
            threads.forRanges(a.count, grain: elementGrain) { range in
                let at = range.lowerBound
                segcpu_binary(op.kind, left + at, right + at, output + at, range.count, 0)
            }
        } else if b.count <= 1 << 12 {
            let partition = RowPartition(samples: 1, positions: a.count / b.count, channels: b.count)
            let table = try scratch(Float.self, partition.period)
            defer { table.done() }
            partition.expand(into: table.base) { right[$0] }
            threads.run(partition.tasks) { task, _ in
                let run = partition[task]
                segcpu_binary(
                    op.kind, left + run.start, table.base, output + run.start, run.count, partition.period)
            }
        } else {
            // Few long repetitions: cut each by itself.
            for start in stride(from: 0, to: a.count, by: b.count) {
                threads.forRanges(b.count, grain: elementGrain) { range in
                    let at = start + range.lowerBound
                    segcpu_binary(op.kind, left + at, right + range.lowerBound, output + at, range.count, 0)
                }
            }
        }
    }

    /// One pass.
    public func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws {
        let (input, output) = (x.floats, y.floats)
        threads.forRanges(x.count, grain: elementGrain) { range in
            segcpu_scale(input + range.lowerBound, alpha, output + range.lowerBound, beta, range.count)
        }
    }

    /// One pass; the mask is drawn again from counters each time.
    public func dropout(_ x: BufferView, _ params: DropoutParams, into y: BufferView, accumulate: Bool) throws {
        let partition =
            params.channelwise
            ? RowPartition(x.shape, perSample: true)
            : RowPartition(samples: 1, positions: x.count, channels: 1)
        let tables = try EpilogueTables(
            self, partition, dropout: params, activation: .identity, slope: nil, hasNorm: false)
        let (input, output) = (x.floats, y.floats)
        var rule = params.rule
        withUnsafePointer(to: &rule) { rule in
            threads.run(partition.tasks) { task, _ in
                let run = partition[task]
                segcpu_dropout(
                    rule, tables.norm(run.sample).keep, partition.period, input + run.start, output + run.start,
                    accumulate, run.range)
            }
        }
        withExtendedLifetime(tables) {}
    }
}

extension BinaryOp {
    /// The kernels' number for it.
    fileprivate var kind: Int32 {
        switch self {
        case .add: Int32(SEGCPU_ADD)
        case .subtract: Int32(SEGCPU_SUBTRACT)
        case .multiply: Int32(SEGCPU_MULTIPLY)
        case .divide: Int32(SEGCPU_DIVIDE)
        }
    }
}
