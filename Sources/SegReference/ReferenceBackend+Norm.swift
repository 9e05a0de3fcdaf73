public import SegBackend

extension ReferenceBackend {
    /// Computes the mean, then the mean of squared distances to it.
    public func normStatistics(
        _ x: BufferView, _ params: NormParams, into mean: BufferView, _ variance: BufferView
    ) throws {
        let groups = StatisticsGroups(x.shape, params)
        let (count, x, means, variances) = (Double(groups.size), x.doubles, mean.doubles, variance.doubles)
        let total = mean.count
        means.update(repeating: 0, count: total)
        variances.update(repeating: 0, count: total)
        groups.forEach { i, group, _ in means[group] += x[i] }
        for group in 0..<total { means[group] /= count }
        groups.forEach { i, group, _ in
            let distance = x[i] - means[group]
            variances[group] += distance * distance
        }
        for group in 0..<total { variances[group] /= count }
    }

    /// y = (x − mean) / √(variance + ε) · weight + bias.
    public func normalize(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, into y: BufferView
    ) throws {
        let groups = StatisticsGroups(x.shape, params)
        let inverse = inverseDeviations(variance, params)
        let (x, y, means, weight, bias) = (x.doubles, y.doubles, mean.doubles, weight?.doubles, bias?.doubles)
        groups.forEach { i, group, channel in
            let normal = (x[i] - means[group]) * inverse[group]
            y[i] = normal * (weight.map { $0[channel] } ?? 1) + (bias.map { $0[channel] } ?? 0)
        }
    }

    /// With z the normalised x and g = upstream · weight: gx = (g − mean(g) − z · mean(g · z)) / √(variance + ε).
    public func normalizeBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        _ params: NormParams, into gradients: NormGradients
    ) throws {
        let groups = StatisticsGroups(x.shape, params)
        let inverse = inverseDeviations(variance, params)
        let (x, dy, gx) = (x.doubles, upstream.doubles, gradients.x.doubles)
        let (means, weight) = (mean.doubles, weight?.doubles)
        let (weightGradient, biasGradient) = (gradients.weight?.doubles, gradients.bias?.doubles)
        var sums = [Double](repeating: 0, count: mean.count)
        var products = sums
        groups.forEach { i, group, channel in
            let normal = (x[i] - means[group]) * inverse[group]
            let gradient = dy[i] * (weight.map { $0[channel] } ?? 1)
            sums[group] += gradient
            products[group] += gradient * normal
            weightGradient?[channel] += dy[i] * normal
            biasGradient?[channel] += dy[i]
        }
        let count = Double(groups.size)
        groups.forEach { i, group, channel in
            let normal = (x[i] - means[group]) * inverse[group]
            let gradient = dy[i] * (weight.map { $0[channel] } ?? 1)
            let value = inverse[group] * (gradient - sums[group] / count - normal * products[group] / count)
            gx[i] = gradients.accumulate ? gx[i] + value : value
        }
    }

    private func inverseDeviations(_ variance: BufferView, _ params: NormParams) -> [Double] {
        let values = variance.doubles
        return (0..<variance.count).map { 1 / (values[$0] + Double(params.epsilon)).squareRoot() }
    }
}

/// Assigns each element of x, viewed as `[N, positions, C]`, to an entry of the statistics.
private struct StatisticsGroups {
    /// The number of elements that share one mean.
    let size: Int
    private let rows: Int
    private let positions: Int
    private let channels: Int
    /// The entry of element (n, row, c) is n · perSample + row · perRow + ofChannel[c].
    private let perSample: Int
    private let perRow: Int
    private let ofChannel: [Int]

    init(_ shape: Shape, _ params: NormParams) {
        let channels = shape.channels
        (rows, positions, self.channels) = (shape.rows, shape.positions, channels)
        (perSample, perRow, ofChannel) =
            switch params.kind {
            case .batch: (0, 0, Array(0..<channels))
            case .instance: (channels, 0, Array(0..<channels))
            case .group(let groups): (groups, 0, (0..<channels).map { $0 / (channels / groups) })
            case .layer: (0, 1, [Int](repeating: 0, count: channels))
            }
        size = shape.count / params.statisticsShape(of: shape).count
    }

    /// Calls `body` with every element's linear index, its entry of the statistics and its channel.
    @inline(__always)
    func forEach(_ body: (_ element: Int, _ group: Int, _ channel: Int) -> Void) {
        for row in 0..<rows {
            let first = row / positions * perSample + row * perRow
            for channel in 0..<channels { body(row * channels + channel, first + ofChannel[channel], channel) }
        }
    }
}
