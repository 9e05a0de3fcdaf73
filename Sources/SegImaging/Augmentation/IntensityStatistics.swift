/// The mean, standard deviation and range of intensities.
struct IntensityStatistics {
    var mean: Float
    /// The standard deviation of a sample, divided by n - 1 as `torch.std` does.
    var deviation: Float
    var low: Float
    var high: Float

    /// Measures voxels; the sums are kept in eight SIMD lanes, which the compiler can hold in registers.
    init(_ voxels: UnsafeMutableBufferPointer<Float>) {
        var (sum, squares) = (SIMD8<Double>(), SIMD8<Double>())
        let first = voxels.first ?? 0
        var (low, high) = (SIMD8<Float>(repeating: first), SIMD8<Float>(repeating: first))
        let whole = voxels.count / 8 * 8
        for start in stride(from: 0, to: whole, by: 8) {
            var lane = SIMD8<Float>()
            for offset in 0..<8 { lane[offset] = voxels[start + offset] }
            // Differences from the first voxel are summed: with the squares of large values, rounding would spoil the
            // deviation.
            let centred = SIMD8<Double>(lane - first)
            sum += centred
            squares += centred * centred
            low.replace(with: lane, where: lane .< low)
            high.replace(with: lane, where: lane .> high)
        }
        var (total, square) = (sum.sum(), squares.sum())
        (self.low, self.high) = (low.min(), high.max())
        for index in whole..<voxels.count {
            let centred = Double(voxels[index] - first)
            total += centred
            square += centred * centred
            self.low = min(self.low, voxels[index])
            self.high = max(self.high, voxels[index])
        }
        let count = Double(voxels.count)
        mean = Float(Double(first) + total / max(count, 1))
        let variance = (square - total * total / max(count, 1)) / max(count - 1, 1)
        deviation = Float(max(variance, 0).squareRoot())
    }
}
