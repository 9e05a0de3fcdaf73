/// Adds Gaussian noise of a random strength with a probability; MONAI's `RandGaussianNoised(sample_std=True)`.
public struct RandGaussianNoise: RandomPatchTransform, Hashable {
    /// Chance of a change.
    public let probability: Double
    /// The largest standard deviation, in the image's intensities.
    public let deviation: Double
    private var draws = WrappedDraws()

    /// Takes the chance and the largest standard deviation.
    public init(probability: Double, deviation: Double) {
        self.probability = probability
        self.deviation = deviation
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// MONAI's standard deviation, then a seed of the noise, which is not NumPy's.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard draws.isCalled(probability) else { return nil }
        let strength = draws.inner.uniform(0, deviation)
        return GaussianNoise(deviation: Float(strength), seed: draws.inner.nextUInt64())
    }
}

/// Adds Gaussian noise.
public struct GaussianNoise: PatchChange, Hashable {
    /// Its standard deviation.
    public let deviation: Float
    /// Decides every voxel's number.
    public let seed: UInt64

    /// Takes the standard deviation and a seed.
    public init(deviation: Float, seed: UInt64) {
        self.deviation = deviation
        self.seed = seed
    }

    /// Changes the image only.
    public func apply(to patch: inout Patch) {
        patch.withIntensities { RandomField(seed: seed).addNormal(to: $0, deviation: deviation) }
    }
}
