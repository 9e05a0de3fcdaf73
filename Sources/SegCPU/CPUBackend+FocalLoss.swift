import CSegCPU
public import SegBackend

extension CPUBackend {
    /// Computes the loss in one pass over the logits; the sums of the tasks are added in order.
    public func focalLoss(
        _ logits: BufferView, labels: BufferView, _ params: FocalParams, into loss: BufferView
    ) throws {
        let partition = RowPartition(logits.shape, perSample: true)
        let channels = partition.channels
        let partial = try scratch(Double.self, partition.tasks)
        let planes = try scratch(Float.self, 16 * channels * threads.count)
        let shares = try focalShares(params, logits.shape)
        defer {
            partial.done()
            planes.done()
            shares.done()
        }
        let (input, truth) = (logits.floats, labels.integers)
        threads.run(partition.tasks) { task, thread in
            let run = partition[task]
            var focal = segcpu_focal(params, channels, shares.base)
            kernels.focal_sum(
                &focal, input + run.start, truth + run.start / channels, run.rows,
                planes.base + 16 * channels * thread, partial.base + task)
        }
        loss.floats[0] = Float((0..<partition.tasks).reduce(0) { $0 + partial.base[$1] })
    }

    /// Computes the gradient in one pass, which recomputes the probabilities.
    public func focalLossBackward(
        _ logits: BufferView, labels: BufferView, upstream: BufferView, _ params: FocalParams, into gx: BufferView,
        accumulate: Bool
    ) throws {
        let partition = RowPartition(logits.shape, perSample: true)
        let channels = partition.channels
        let planes = try scratch(Float.self, 16 * channels * threads.count)
        let shares = try focalShares(params, logits.shape)
        defer {
            planes.done()
            shares.done()
        }
        let (input, truth, output, scale) = (logits.floats, labels.integers, gx.floats, upstream.floats[0])
        threads.run(partition.tasks) { task, thread in
            let run = partition[task]
            var focal = segcpu_focal(params, channels, shares.base)
            kernels.focal_gradient(
                &focal, input + run.start, truth + run.start / channels, run.rows, scale, output + run.start,
                accumulate, planes.base + 16 * channels * thread)
        }
    }

    private func focalShares(_ params: FocalParams, _ shape: Shape) throws -> Scratch<Float> {
        let shares = try scratch(Float.self, shape.channels)
        for c in 0..<shape.channels {
            shares.base[c] = Float(
                params.share(c, of: shape.channels, samples: shape.batch, positions: shape.positions))
        }
        return shares
    }
}

extension segcpu_focal {
    fileprivate init(_ params: FocalParams, _ channels: Int, _ shares: UnsafePointer<Float>) {
        self.init(
            channels: channels, gamma: params.gamma, positive: params.alpha ?? 1,
            negative: params.alpha.map { 1 - $0 } ?? 1, shares: shares)
    }
}
