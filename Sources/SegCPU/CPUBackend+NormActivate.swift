import CSegCPU
public import SegBackend

extension CPUBackend {
    /// Computes y in one pass: x is read once, y is written once.
    public func normActivate(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, _ epilogue: NormEpilogue, into y: BufferView
    ) throws {
        let partition = RowPartition(x.shape, perSample: params.isPerSample(epilogue))
        let tables = try normTables(partition, mean, variance, weight, bias, params, epilogue)
        let (input, output) = (x.floats, y.floats)
        let (before, after) = (epilogue.residualBefore?.floats, epilogue.residualAfter?.floats)
        let (means, variances) = (mean.floats, variance.floats)
        threads.run(partition.tasks) { task, _ in
            let run = partition[task]
            var norm = tables.norm(run.sample)
            let start = run.start
            if params.kind == .layer {
                let row = start / partition.channels
                kernels.layer_forward(
                    &norm, input + start, means + row, variances + row, params.epsilon, before.map { $0 + start },
                    after.map { $0 + start }, output + start, run.rows, partition.channels, UInt64(start))
            } else {
                kernels.norm_forward(
                    &norm, input + start, before.map { $0 + start }, after.map { $0 + start }, output + start,
                    run.range)
            }
        }
        withExtendedLifetime(tables) {}
    }

    /// Computes the gradients in two passes that recompute the pre-activation from x: the first computes sums, the second
    /// the gradient. Layer normalisation needs one pass.
    public func normActivateBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        bias: BufferView?, _ params: NormParams, _ epilogue: NormEpilogue, into gradients: NormGradients
    ) throws {
        let partition = RowPartition(x.shape, perSample: params.isPerSample(epilogue))
        let tables = try normTables(partition, mean, variance, weight, bias, params, epilogue)
        let sums = try scratch(Double.self, 3 * partition.tasks * partition.channels)
        defer { sums.done() }
        if params.kind == .layer {
            try layerGradient(
                x, upstream, mean, variance, params, epilogue, partition, tables, sums: sums.base, into: gradients)
        } else {
            try normSums(
                x, upstream, before: epilogue.residualBefore, partition, tables, g2: gradients.residualBefore,
                adding: false, into: sums.base)
        }
        let totals = channelSums(sums.base, partition)
        if params.kind != .layer {
            // If pass 1 wrote the gradient of the residual, pass 2 starts from that gradient, because it is also the
            // gradient with respect to the activation's input.
            let rest = gradients.residualBefore.map { ($0, epilogue.withoutActivation) }
            let (signal, own) = rest ?? (upstream, epilogue)
            let after =
                rest == nil ? tables : try normTables(partition, mean, variance, weight, bias, params, own)
            try normGradient(
                x, signal, before: own.residualBefore, partition, after, weight: weight, variance: variance,
                params, totals, into: gradients)
        }
        add(totals, partition.channels, to: gradients)
        withExtendedLifetime(tables) {}
    }

    /// Computes pass 1 for statistics over positions: three sums for each task and channel.
    func normSums(
        _ x: BufferView, _ upstream: BufferView, before: BufferView?, _ partition: RowPartition,
        _ tables: EpilogueTables, g2: BufferView?, adding: Bool, into sums: UnsafeMutablePointer<Double>
    ) throws {
        let (channels, period) = (partition.channels, partition.period)
        let narrow = try scratch(Float.self, 3 * threads.count * period)
        let wide = try scratch(Double.self, 3 * threads.count * period)
        defer {
            narrow.done()
            wide.done()
        }
        let (input, signal, residual, output) = (x.floats, upstream.floats, before?.floats, g2?.floats)
        threads.run(partition.tasks) { task, thread in
            let run = partition[task]
            var norm = tables.norm(run.sample)
            kernels.norm_sums(
                &norm, input + run.start, signal + run.start, residual.map { $0 + run.start },
                output.map { $0 + run.start }, adding, run.range, channels, narrow.base + 3 * thread * period,
                wide.base + 3 * thread * period, sums + 3 * task * channels)
        }
    }

    private func normTables(
        _ partition: RowPartition, _ mean: BufferView, _ variance: BufferView, _ weight: BufferView?,
        _ bias: BufferView?, _ params: NormParams, _ epilogue: NormEpilogue
    ) throws -> EpilogueTables {
        let tables = try EpilogueTables(
            self, partition, dropout: epilogue.dropout, activation: epilogue.activation, slope: epilogue.slope,
            hasNorm: true)
        if params.kind == .layer {
            tables.setAffine(weight: weight, bias: bias)
            return tables
        }
        let (means, variances, channels) = (mean.floats, variance.floats, partition.channels)
        for sample in 0..<partition.samples {
            tables.setNorm(
                sample: sample,
                mean: { means[params.group(sample: sample, channel: $0, of: channels)] },
                reciprocalDeviation: {
                    params.reciprocalDeviation(variances[params.group(sample: sample, channel: $0, of: channels)])
                }, weight: weight, bias: bias)
        }
        return tables
    }

    /// Computes pass 2: gx = (w · g0 − mean(w · g0) − x̂ · mean(w · g0 · x̂)) / σ, with means over the statistics group.
    private func normGradient(
        _ x: BufferView, _ upstream: BufferView, before: BufferView?, _ partition: RowPartition,
        _ tables: EpilogueTables, weight: BufferView?, variance: BufferView, _ params: NormParams,
        _ totals: [ChannelSums], into gradients: NormGradients
    ) throws {
        let (channels, period) = (partition.channels, partition.period)
        let coefficients = try scratch(Float.self, 3 * partition.samples * period)
        defer { coefficients.done() }
        let weights = weight?.floats
        var groups = [(sum: Double, projected: Double)](repeating: (0, 0), count: variance.count)
        for sample in 0..<partition.samples {
            for c in 0..<channels {
                let group = params.group(sample: sample, channel: c, of: channels)
                let scale = Double(weights?[c] ?? 1)
                groups[group].sum += scale * totals[sample * channels + c].sum
                groups[group].projected += scale * totals[sample * channels + c].projected
            }
        }
        let size = Double(x.count) / Double(max(variance.count, 1))
        let variances = variance.floats
        for sample in 0..<partition.samples {
            let table = coefficients.base + 3 * sample * period
            let group = { params.group(sample: sample, channel: $0, of: channels) }
            let deviation = { (c: Int) in Double(params.reciprocalDeviation(variances[group(c)])) }
            partition.expand(into: table) { Float(deviation($0) * Double(weights?[$0] ?? 1)) }
            partition.expand(into: table + period) { Float(-deviation($0) * groups[group($0)].sum / size) }
            partition.expand(into: table + 2 * period) { Float(-deviation($0) * groups[group($0)].projected / size) }
        }
        let (input, signal, residual) = (x.floats, upstream.floats, before?.floats)
        let (output, accumulate) = (gradients.x.floats, gradients.accumulate)
        threads.run(partition.tasks) { task, _ in
            let run = partition[task]
            var norm = tables.norm(run.sample)
            let table = coefficients.base + 3 * run.sample * period
            kernels.norm_gradient(
                &norm, table, table + period, table + 2 * period, input + run.start, signal + run.start,
                residual.map { $0 + run.start }, output + run.start, accumulate, run.range)
        }
        withExtendedLifetime(tables) {}
    }

    private func layerGradient(
        _ x: BufferView, _ upstream: BufferView, _ mean: BufferView, _ variance: BufferView, _ params: NormParams,
        _ epilogue: NormEpilogue, _ partition: RowPartition, _ tables: EpilogueTables,
        sums: UnsafeMutablePointer<Double>, into gradients: NormGradients
    ) throws {
        let channels = partition.channels
        let narrow = try scratch(Float.self, 5 * threads.count * channels)
        defer { narrow.done() }
        let (input, signal, means, variances) = (x.floats, upstream.floats, mean.floats, variance.floats)
        let (before, g2) = (epilogue.residualBefore?.floats, gradients.residualBefore?.floats)
        let (output, accumulate) = (gradients.x.floats, gradients.accumulate)
        threads.run(partition.tasks) { task, thread in
            let run = partition[task]
            let (start, row) = (run.start, run.start / channels)
            var norm = tables.norm(run.sample)
            kernels.layer_gradient(
                &norm, input + start, means + row, variances + row, params.epsilon, signal + start,
                before.map { $0 + start }, g2.map { $0 + start }, output + start, accumulate, run.rows, channels,
                UInt64(start), narrow.base + 5 * thread * channels, sums + 3 * task * channels)
        }
    }
}

/// The sums that the first pass of a gradient computes for one channel: Σ g0, Σ g0 x̂, and the gradient of the channel's
/// slope.
struct ChannelSums {
    var sum = 0.0
    var projected = 0.0
    var slope = 0.0
}

extension CPUBackend {
    /// The sums of each sample over its tasks, added in order: `[samples · channels]`.
    func channelSums(_ sums: UnsafePointer<Double>, _ partition: RowPartition) -> [ChannelSums] {
        let channels = partition.channels
        var totals = [ChannelSums](repeating: ChannelSums(), count: partition.samples * channels)
        for task in 0..<partition.tasks {
            let own = sums + 3 * task * channels
            let first = task / partition.chunks * channels
            for c in 0..<channels {
                totals[first + c].sum += own[c]
                totals[first + c].projected += own[channels + c]
                totals[first + c].slope += own[2 * channels + c]
            }
        }
        return totals
    }

    private func add(_ totals: [ChannelSums], _ channels: Int, to gradients: NormGradients) {
        addSums(totals.map(\.projected), channels, to: gradients.weight)
        addSums(totals.map(\.sum), channels, to: gradients.bias)
        addSums(totals.map(\.slope), channels, to: gradients.slope)
    }

    /// Adds sums `[samples · channels]`, summed over samples, to a gradient `[C]`, or summed over everything to `[1]`.
    func addSums(_ sums: [Double], _ channels: Int, to gradient: BufferView?) {
        guard let gradient else { return }
        var totals = [Double](repeating: 0, count: gradient.count)
        for (i, sum) in sums.enumerated() { totals[gradient.count == 1 ? 0 : i % channels] += sum }
        let output = gradient.floats
        for (c, total) in totals.enumerated() { output[c] = Float(Double(output[c]) + total) }
    }
}

extension RowPartition.Run {
    /// The run as the kernels' C type.
    var range: segcpu_run { segcpu_run(count: count, element: UInt64(start)) }
}

extension NormParams {
    /// Whether parameters of the fused op differ between samples.
    fileprivate func isPerSample(_ epilogue: NormEpilogue) -> Bool {
        if epilogue.dropout?.channelwise == true { return true }
        switch kind {
        case .instance, .group: return true
        case .batch, .layer: return false
        }
    }

    fileprivate func reciprocalDeviation(_ variance: Float) -> Float {
        Float(1 / (Double(variance) + Double(epsilon)).squareRoot())
    }
}

extension NormEpilogue {
    /// The same dropout alone, for a gradient that already includes the activation.
    fileprivate var withoutActivation: NormEpilogue {
        NormEpilogue(dropout: dropout, activation: .identity, slope: nil, residualBefore: nil, residualAfter: nil)
    }
}
