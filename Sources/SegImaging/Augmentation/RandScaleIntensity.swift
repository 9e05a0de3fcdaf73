/// Multiplies the image by 1 + a random factor with a probability; MONAI's `RandScaleIntensityd`.
public struct RandScaleIntensity: RandomPatchTransform, Hashable {
    /// The range of the factor.
    public let factors: ClosedRange<Double>
    /// The probability of a change.
    public let probability: Double
    private var draws = WrappedDraws()

    /// Creates the transform from the range and the probability; MONAI's single number f means -f...f.
    public init(factors: ClosedRange<Double>, probability: Double) {
        self.factors = factors
        self.probability = probability
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// Draws a factor in the range.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard draws.isCalled(probability) else { return nil }
        return ScaleIntensity(factor: Float(1 + draws.inner.uniform(factors.lowerBound, factors.upperBound)))
    }
}

/// Multiplies the image.
public struct ScaleIntensity: PatchChange, Hashable {
    /// The factor for the intensities.
    public let factor: Float

    /// Creates the change from its factor.
    public init(factor: Float) { self.factor = factor }

    /// Changes the image only.
    public func apply(to patch: inout Patch) {
        patch.withIntensities { for index in $0.indices { $0[index] *= factor } }
    }
}
