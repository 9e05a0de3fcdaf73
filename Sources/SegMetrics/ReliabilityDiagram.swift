/// The observed frequency of a class against its predicted probability, over the voxels of any number of scans.
///
/// Guo et al. 2017, "On calibration of modern neural networks"; for one class against the rest.
public struct ReliabilityDiagram: Hashable, Sendable {
    /// The voxels whose probability is between two bounds.
    public struct Bin: Hashable, Sendable, Codable {
        /// The lower bound, included.
        public let lower: Double
        /// The upper bound, excluded except in the last bin.
        public let upper: Double
        /// The number of voxels.
        public let count: Int
        /// The mean of the voxels' probabilities; nil without voxels.
        public let confidence: Double?
        /// The fraction of the voxels that belong to the class; nil without voxels.
        public let frequency: Double?
    }

    private var counts: [Int]
    private var confidences: [Double]
    private var hits: [Int]

    /// Creates an empty diagram with bins of equal width.
    /// - Throws: `MetricsError.invalidOption` if there would be no bin.
    public init(bins: Int) throws {
        guard bins > 0 else {
            throw MetricsError.invalidOption("A reliability diagram needs at least 1 bin, not \(bins).")
        }
        counts = [Int](repeating: 0, count: bins)
        confidences = [Double](repeating: 0, count: bins)
        hits = [Int](repeating: 0, count: bins)
    }

    /// Adds voxels: the probability of the class, whether the voxel belongs to the class, and whether the voxel counts.
    /// - Throws: `MetricsError.voxelCount` if the arrays differ in length.
    public mutating func add(probabilities: [Float], truth: [UInt8], validity: [UInt8]) throws {
        try checkCounts(probabilities.count, [("truth", truth.count), ("validity mask", validity.count)])
        let last = counts.count - 1
        let scale = Float(counts.count)
        for voxel in probabilities.indices where validity[voxel] != 0 {
            let p = min(max(probabilities[voxel], 0), 1)
            let bin = min(Int(p * scale), last)
            counts[bin] += 1
            confidences[bin] += Double(p)
            if truth[voxel] != 0 { hits[bin] += 1 }
        }
    }

    /// The bins from low to high.
    public var bins: [Bin] {
        counts.indices.map { index in
            let count = Double(counts[index])
            return Bin(
                lower: Double(index) / Double(counts.count), upper: Double(index + 1) / Double(counts.count),
                count: counts[index], confidence: count > 0 ? confidences[index] / count : nil,
                frequency: count > 0 ? Double(hits[index]) / count : nil)
        }
    }

    /// The mean of |confidence − frequency| over the bins, weighted by their voxels; nil without voxels.
    public var expectedCalibrationError: Double? {
        let total = counts.reduce(0, +)
        guard total > 0 else { return nil }
        return zip(confidences, hits).reduce(0) { $0 + abs($1.0 - Double($1.1)) } / Double(total)
    }

    /// The largest |confidence − frequency| of a bin; nil without voxels.
    public var maximumCalibrationError: Double? {
        bins.compactMap { bin in bin.confidence.flatMap { c in bin.frequency.map { abs(c - $0) } } }.max()
    }
}

func checkCounts(_ expected: Int, _ others: [(name: String, count: Int)]) throws {
    for (name, count) in others where count != expected {
        throw MetricsError.voxelCount(mask: name, expected: expected, got: count)
    }
}
