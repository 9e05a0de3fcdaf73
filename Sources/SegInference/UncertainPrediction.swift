internal import SegCore
internal import SegImaging

/// The mean and the disagreement of several predictions on the network's grid, and the way back to the scan's grid.
///
/// A sample is the probability after blending all windows of one whole pass over the scan, as for a mask, not the
/// probability of one window. The foreground probability is 1 minus the background's; with two classes it is class 1's.
public struct UncertainPrediction: Sendable {
    /// A quantity at each voxel.
    public enum Quantity: String, Hashable, Sendable, CaseIterable, Codable {
        /// Mean of the foreground probability.
        case mean
        /// Variance of the foreground probability. For n samples, the divisor is n − 1: an unbiased estimate.
        case variance
        /// Entropy of the mean probabilities of all classes, in nats: the total uncertainty.
        case entropy
        /// Entropy of the mean minus the mean of the entropies, in nats: the disagreement of the samples. Houlsby 2011.
        case mutualInformation = "mutual_information"
    }

    /// The mean probabilities of every class; its mask is the prediction of all samples together.
    public let prediction: Prediction
    /// The number of samples.
    public let samples: Int
    private let summary: UncertaintyAccumulator.Summary

    init(_ summary: UncertaintyAccumulator.Summary, samples: Int, channels: Int, record: SpatialRecord) {
        prediction = Prediction(probabilities: summary.mean, channels: channels, record: record)
        self.samples = samples
        self.summary = summary
    }

    /// A quantity on the scan's grid, resampled trilinearly; 0 outside the network's box. It is meaningless where
    /// `validity` is 0, which includes the border of the box.
    public func map(_ quantity: Quantity) -> [Float] {
        let record = prediction.record
        return record.restore(values(quantity), channels: 1)
    }

    /// 1 where a voxel of the scan was evaluated; 0 outside the network's box, where nothing is known.
    public func validity() -> [UInt8] {
        let record = prediction.record
        let ones = [Float](repeating: 1, count: record.networkSize.count)
        // A voxel whose neighbours lie partly outside is blended with zeros.
        return record.restore(ones, channels: 1).map { $0 > 0.9999 ? 1 : 0 }
    }

    /// A summary of the maps of a scan.
    public struct MapSummary: Sendable {
        /// The number of voxels of the scan at which `validity` is 1.
        public let validVoxels: Int
        /// Every quantity and its largest value at these voxels.
        public let maxima: [(quantity: Quantity, value: Float)]
    }

    /// Resamples every quantity to the scan's grid, one after another, so that only one map at a time is in memory.
    /// - Parameters:
    ///   - validity: The result of `validity()`.
    ///   - write: Called with each quantity, its map, and the map's largest value at a valid voxel.
    /// - Throws: The errors of `write`.
    public func writeMaps(
        validity: [UInt8], _ write: (Quantity, [Float], Float) throws -> Void
    ) rethrows -> MapSummary {
        let maxima = try Quantity.allCases.map { quantity in
            let map = map(quantity)
            var maximum: Float = 0
            for (value, valid) in zip(map, validity) where valid == 1 && value > maximum { maximum = value }
            try write(quantity, map, maximum)
            return (quantity, maximum)
        }
        return MapSummary(validVoxels: validity.count { $0 == 1 }, maxima: maxima)
    }

    /// The mean of a quantity over the network's volume, by which scans can be ranked.
    public func average(_ quantity: Quantity) -> Double {
        let values = values(quantity)
        return values.reduce(0) { $0 + Double($1) } / Double(max(values.count, 1))
    }

    /// A quantity on the network's grid.
    func values(_ quantity: Quantity) -> [Float] {
        switch quantity {
        case .mean: foreground
        case .variance: summary.variance
        case .entropy: summary.entropy
        case .mutualInformation: summary.mutualInformation
        }
    }

    private var foreground: [Float] {
        let channels = prediction.channels
        guard channels > 1 else { return summary.mean }
        return (0..<summary.variance.count).map { voxel in
            summary.mean[voxel * channels + 1..<(voxel + 1) * channels].reduce(0, +)
        }
    }
}
