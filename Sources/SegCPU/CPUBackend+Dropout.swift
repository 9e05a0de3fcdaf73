import CSegCPU
public import SegBackend

extension CPUBackend {
    /// Computes dropout in one pass; each call draws the mask again from counters.
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
                kernels.dropout(
                    rule, tables.norm(run.sample).keep, partition.period, input + run.start, output + run.start,
                    accumulate, run.range)
            }
        }
        withExtendedLifetime(tables) {}
    }
}
