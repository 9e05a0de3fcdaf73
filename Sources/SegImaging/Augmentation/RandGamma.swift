internal import Foundation

/// Bends the intensities of each channel by a power with a probability; nnU-Net's `GammaTransform`.
public struct RandGamma: RandomPatchTransform, Hashable {
    /// Chance of a change.
    public let probability: Double
    /// Range of the exponent; the two sides of 1 are equally likely.
    public let range: ClosedRange<Double>
    /// Chance that the negative image is bent.
    public let invertProbability: Double
    /// Whether mean and standard deviation are restored afterwards.
    public let retainsStatistics: Bool
    private var random = NumPyRandomState(seed: 0)

    /// Takes the chance, the range of the exponent, the chance of the negative, and whether statistics are restored.
    public init(probability: Double, range: ClosedRange<Double>, invertProbability: Double, retainsStatistics: Bool) {
        self.probability = probability
        self.range = range
        self.invertProbability = invertProbability
        self.retainsStatistics = retainsStatistics
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// Whether it is of the negative, and the exponent, for each channel.
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
    /// Whether it is done to the negative image.
    public let inverts: Bool
    /// Whether mean and standard deviation are restored afterwards.
    public let retainsStatistics: Bool

    /// Takes the exponent, whether it is of the negative, and whether statistics are restored.
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
