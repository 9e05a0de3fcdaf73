import CSegCPU
public import SegBackend

extension CPUBackend {
    /// Calls the kernel of the fused normalisation, which here only activates.
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
            kernels.norm_forward(&norm, input + run.start, nil, nil, output + run.start, run.range)
        }
        withExtendedLifetime(tables) {}
    }

    /// Computes the gradient in one pass, which also sums the gradients of the slopes.
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

    /// The partition of x into rows that have as many channels as there are slopes.
    private func activationPartition(_ x: BufferView, _ slope: BufferView?) -> RowPartition {
        let channels = slope?.count ?? 1
        return RowPartition(samples: 1, positions: x.count / channels, channels: channels)
    }
}
