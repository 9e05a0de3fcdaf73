import CSegCPU
public import SegBackend

extension CPUBackend {
    /// Computes the statistics in one pass; moments of blocks are merged in double precision, so a large mean loses no
    /// digits.
    public func normStatistics(
        _ x: BufferView, _ params: NormParams, into mean: BufferView, _ variance: BufferView
    ) throws {
        if params.kind == .layer { return layerStatistics(x, into: mean, variance) }
        let partition = RowPartition(x.shape, perSample: params.kind != .batch)
        let channels = partition.channels
        let moments = try scratch(Double.self, 2 * partition.tasks * channels)
        let narrow = try scratch(Float.self, 3 * threads.count * partition.period)
        let wide = try scratch(Double.self, 2 * threads.count * partition.period)
        defer {
            moments.done()
            narrow.done()
            wide.done()
        }
        let input = x.floats
        threads.run(partition.tasks) { task, thread in
            let run = partition[task]
            let own = moments.base + 2 * task * channels
            kernels.norm_statistics(
                input + run.start, run.count, channels, partition.period,
                narrow.base + 3 * thread * partition.period, wide.base + 2 * thread * partition.period,
                own, own + channels)
        }
        mergeMoments(moments.base, partition, params, into: mean.floats, variance.floats, groups: mean.count)
    }

    /// Merges the moments of the tasks, in order, into the moments of the statistics groups.
    private func mergeMoments(
        _ moments: UnsafePointer<Double>, _ partition: RowPartition, _ params: NormParams,
        into mean: UnsafeMutablePointer<Float>, _ variance: UnsafeMutablePointer<Float>, groups: Int
    ) {
        let channels = partition.channels
        var merged = [Moments](repeating: Moments(), count: groups)
        for task in 0..<partition.tasks {
            let run = partition[task]
            let own = moments + 2 * task * channels
            for c in 0..<channels {
                merged[params.group(sample: run.sample, channel: c, of: channels)].merge(
                    count: Double(run.rows), mean: own[c], squares: own[channels + c])
            }
        }
        for (group, moments) in merged.enumerated() {
            mean[group] = Float(moments.mean)
            variance[group] = Float(moments.squares / max(moments.count, 1))
        }
    }

    private func layerStatistics(_ x: BufferView, into mean: BufferView, _ variance: BufferView) {
        let (rows, channels) = (x.shape.rows, x.shape.channels)
        let (input, means, variances) = (x.floats, mean.floats, variance.floats)
        threads.forRanges(rows, grain: max(1, (1 << 14) / channels)) { range in
            kernels.layer_statistics(
                input + range.lowerBound * channels, range.count, channels, means + range.lowerBound,
                variances + range.lowerBound)
        }
    }

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

    /// Calls `normActivate` without an epilogue.
    public func normalize(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, into y: BufferView
    ) throws {
        try normActivate(
            x, mean: mean, variance: variance, weight: weight, bias: bias, params, .none, into: y)
    }

    /// Calls `normActivateBackward` without an epilogue.
    public func normalizeBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        _ params: NormParams, into gradients: NormGradients
    ) throws {
        var own = gradients
        own.slope = nil
        own.residualBefore = nil
        try normActivateBackward(
            x, upstream: upstream, mean: mean, variance: variance, weight: weight, bias: nil, params, .none, into: own)
    }

    /// The statistics, parameters and epilogue as the kernels read them.
    func normTables(
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
}

/// The count, mean and Σ (x − mean)² of a set, and the merging of two sets.
private struct Moments {
    var count = 0.0
    var mean = 0.0
    var squares = 0.0

    /// Adds the moments of another set. Chan, Golub and LeVeque 1979.
    mutating func merge(count other: Double, mean otherMean: Double, squares otherSquares: Double) {
        let total = count + other
        guard total > 0 else { return }
        let delta = otherMean - mean
        mean += delta * other / total
        squares += otherSquares + delta * delta * count * other / total
        count = total
    }
}

extension NormParams {
    /// The index of the statistics of a channel of a sample; not for layer normalisation.
    func group(sample: Int, channel: Int, of channels: Int) -> Int {
        switch kind {
        case .batch: channel
        case .instance: sample * channels + channel
        case .group(let groups): sample * groups + channel / (channels / groups)
        case .layer: preconditionFailure("layer statistics belong to rows")
        }
    }

    /// Whether parameters of the fused op differ between samples.
    func isPerSample(_ epilogue: NormEpilogue) -> Bool {
        if epilogue.dropout?.channelwise == true { return true }
        switch kind {
        case .instance, .group: return true
        case .batch, .layer: return false
        }
    }

    /// 1/√(variance + ε).
    func reciprocalDeviation(_ variance: Float) -> Float {
        Float(1 / (Double(variance) + Double(epsilon)).squareRoot())
    }
}

extension NormEpilogue {
    /// An epilogue without steps.
    fileprivate static var none: NormEpilogue {
        NormEpilogue(dropout: nil, activation: .identity, slope: nil, residualBefore: nil, residualAfter: nil)
    }
}
