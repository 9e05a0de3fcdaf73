/// Adds Gaussian noise of a random standard deviation with a probability; MONAI's
/// `RandGaussianNoised(sample_std=True)`.
public struct RandGaussianNoise: RandomPatchTransform, Hashable {
    /// The probability of a change.
    public let probability: Double
    /// The largest standard deviation, in the image's intensities.
    public let deviation: Double
    private var draws = WrappedDraws()

    /// Creates the transform from its probability and the largest standard deviation.
    public init(probability: Double, deviation: Double) {
        self.probability = probability
        self.deviation = deviation
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// Draws the standard deviation as MONAI does, then a seed of the noise; the noise itself does not use NumPy's
    /// generator.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard draws.isCalled(probability) else { return nil }
        let strength = draws.inner.uniform(0, deviation)
        return GaussianNoise(deviation: Float(strength), seed: draws.inner.nextUInt64())
    }
}

/// Adds Gaussian noise.
public struct GaussianNoise: PatchChange, Hashable {
    /// The standard deviation of the noise.
    public let deviation: Float
    /// The seed of the noise of all voxels.
    public let seed: UInt64

    /// Creates the change from a standard deviation and a seed.
    public init(deviation: Float, seed: UInt64) {
        self.deviation = deviation
        self.seed = seed
    }

    /// Changes the image only.
    public func apply(to patch: inout Patch) {
        patch.withIntensities { RandomField(seed: seed).addNormal(to: $0, deviation: deviation) }
    }
}
