import CSegCPU
public import SegBackend

/// Elements below which a task is not worth its start.
private let elementGrain = 1 << 15

extension CPUBackend: ElementwiseOps {
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

    /// The fused normalisation without a normalisation.
    public func activate(
        _ x: BufferView, _ activation: Activation, slope: BufferView?, into y: BufferView
    ) throws {
        let partition = activationPartition(x, slope)
        let tables = try EpilogueTables(
            self, partition, dropout: nil, activation: activation, slope: slope, hasNorm: false)
        let (input, output) = (x.floats, y.floats)
        threads.run(partition.tasks) { task, _ in
            let run = partition[task]
            var norm = tables.norm(0)
            segcpu_norm_forward(&norm, input + run.start, nil, nil, output + run.start, run.range)
        }
        withExtendedLifetime(tables) {}
    }

    /// One pass; slopes' gradients are summed on the way.
    public func activateBackward(
        _ x: BufferView, upstream: BufferView, _ activation: Activation, slope: BufferView?, into gx: BufferView,
        slopeGradient: BufferView?, accumulate: Bool
    ) throws {
        let partition = activationPartition(x, slope)
        let tables = try EpilogueTables(
            self, partition, dropout: nil, activation: activation, slope: slope, hasNorm: false)
        let sums = try scratch(Double.self, 3 * partition.tasks * partition.channels)
        defer { sums.done() }
        try normSums(
            x, upstream, before: nil, partition, tables, g2: gx, adding: accumulate, into: sums.base)
        addSums(channelSums(sums.base, partition).map(\.slope), partition.channels, to: slopeGradient)
        withExtendedLifetime(tables) {}
    }

    /// Rows of as many channels as there are slopes.
    private func activationPartition(_ x: BufferView, _ slope: BufferView?) -> RowPartition {
        let channels = slope?.count ?? 1
        return RowPartition(samples: 1, positions: x.count / channels, channels: channels)
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

    /// Few channels sixteen rows at a time, many along the row.
    public func softmax(_ x: BufferView, into y: BufferView) throws {
        let (rows, channels) = (x.shape.rows, x.shape.channels)
        let planes = try scratch(Float.self, 16 * threads.count * channels)
        defer { planes.done() }
        let (input, output) = (x.floats, y.floats)
        forRows(rows, channels) { range, thread in
            let start = range.lowerBound * channels
            segcpu_softmax(
                input + start, output + start, range.count, channels, planes.base + 16 * thread * channels)
        }
    }

    /// One pass.
    public func softmaxBackward(
        _ y: BufferView, upstream: BufferView, into gx: BufferView, accumulate: Bool
    ) throws {
        let (rows, channels) = (y.shape.rows, y.shape.channels)
        let planes = try scratch(Float.self, 32 * threads.count * channels)
        defer { planes.done() }
        let (probabilities, signal, output) = (y.floats, upstream.floats, gx.floats)
        forRows(rows, channels) { range, thread in
            let start = range.lowerBound * channels
            segcpu_softmax_gradient(
                probabilities + start, signal + start, output + start, accumulate, range.count, channels,
                planes.base + 32 * thread * channels)
        }
    }

    /// Cuts rows into tasks of a few thousand elements, with the thread's number for scratch memory.
    private func forRows(_ rows: Int, _ channels: Int, _ body: (Range<Int>, Int) -> Void) {
        let step = max(16, (elementGrain / max(channels, 1)) & ~15)
        threads.run((rows + step - 1) / step) { task, thread in
            body(task * step..<min(rows, (task + 1) * step), thread)
        }
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
