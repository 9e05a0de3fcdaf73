internal import Foundation

/// Raises the intensities of each channel to a power with a probability; nnU-Net's `GammaTransform`.
public struct RandGamma: RandomPatchTransform, Hashable {
    /// The probability of a change.
    public let probability: Double
    /// The range of the exponent; values below and above 1 are equally likely.
    public let range: ClosedRange<Double>
    /// The probability that the image is negated before the power and again after it.
    public let invertProbability: Double
    /// Whether the mean and the standard deviation are restored afterwards.
    public let retainsStatistics: Bool
    private var random = NumPyRandomState(seed: 0)

    /// Creates the transform from its probability, the range of the exponent, the probability of negation, and whether
    /// statistics are restored.
    public init(probability: Double, range: ClosedRange<Double>, invertProbability: Double, retainsStatistics: Bool) {
        self.probability = probability
        self.range = range
        self.invertProbability = invertProbability
        self.retainsStatistics = retainsStatistics
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// Draws for each channel whether the image is negated, and the exponent.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard random.rand() < probability else { return nil }
        return ChannelChanges.draw(channels) {
            let inverts = random.rand() < invertProbability
            return BendGamma(
                exponent: Float(random.factor(range)), inverts: inverts, retainsStatistics: retainsStatistics)
        }
    }
}

/// Raises intensities, scaled to 0 to 1, to a power; MONAI's `AdjustContrast`.
public struct BendGamma: PatchChange, Hashable {
    /// The exponent.
    public let exponent: Float
    /// Whether the image is negated before and after the change.
    public let inverts: Bool
    /// Whether the mean and the standard deviation are restored afterwards.
    public let retainsStatistics: Bool

    /// Creates the change from the exponent, whether the image is negated, and whether statistics are restored.
    public init(exponent: Float, inverts: Bool, retainsStatistics: Bool) {
        self.exponent = exponent
        self.inverts = inverts
        self.retainsStatistics = retainsStatistics
    }

    private static let least: Float = 1e-7

    /// Changes the image only.
    public func apply(to patch: inout Patch) {
        patch.withIntensities { voxels in
            if inverts { for index in voxels.indices { voxels[index] = -voxels[index] } }
            let before = IntensityStatistics(voxels)
            let (low, range) = (before.low, before.high - before.low)
            let scale = 1 / max(range, Self.least)
            for index in voxels.indices {
                voxels[index] = pow((voxels[index] - low) * scale, exponent) * range + low
            }
            if retainsStatistics {
                let after = IntensityStatistics(voxels)
                let ratio = before.deviation / max(after.deviation, Self.least)
                for index in voxels.indices { voxels[index] = (voxels[index] - after.mean) * ratio + before.mean }
            }
            if inverts { for index in voxels.indices { voxels[index] = -voxels[index] } }
        }
    }
}
