/// Stretches each channel about its mean with a probability; nnU-Net's `ContrastTransform(preserve_range=True)`.
public struct RandContrast: RandomPatchTransform, Hashable {
    /// The probability of a change.
    public let probability: Double
    /// The range of the factor; values below and above 1 are equally likely.
    public let range: ClosedRange<Double>
    private var random = NumPyRandomState(seed: 0)

    /// Creates the transform from its probability and the range of the factor.
    public init(probability: Double, range: ClosedRange<Double>) {
        self.probability = probability
        self.range = range
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// Draws a factor in the range for each channel.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard random.rand() < probability else { return nil }
        return ChannelChanges.draw(channels) { StretchContrast(factor: Float(random.factor(range))) }
    }
}

/// Multiplies each voxel's distance from the mean by a factor, then clamps to the image's range before the change.
public struct StretchContrast: PatchChange, Hashable {
    /// The factor for the distance from the mean.
    public let factor: Float

    /// Creates the change from its factor.
    public init(factor: Float) { self.factor = factor }

    /// Changes the image only.
    public func apply(to patch: inout Patch) {
        patch.withIntensities { voxels in
            let found = IntensityStatistics(voxels)
            let (mean, low, high) = (found.mean, found.low, found.high)
            for index in voxels.indices {
                let value = (voxels[index] - mean) * factor + mean
                voxels[index] = value < low ? low : value > high ? high : value
            }
        }
    }
}
