/// Stretches each channel about its mean with a probability; nnU-Net's `ContrastTransform(preserve_range=True)`.
public struct RandContrast: RandomPatchTransform, Hashable {
    /// Chance of a change.
    public let probability: Double
    /// Range of the factor; the two sides of 1 are equally likely.
    public let range: ClosedRange<Double>
    private var random = NumPyRandomState(seed: 0)

    /// Takes the chance and the range of the factor.
    public init(probability: Double, range: ClosedRange<Double>) {
        self.probability = probability
        self.range = range
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// A factor of the range for each channel.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard random.rand() < probability else { return nil }
        return ChannelChanges.draw(channels) { StretchContrast(factor: Float(random.factor(range))) }
    }
}

/// Multiplies the distance from the mean, within the range that the image had.
public struct StretchContrast: PatchChange, Hashable {
    /// What the distance from the mean is multiplied by.
    public let factor: Float

    /// Takes the factor.
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
