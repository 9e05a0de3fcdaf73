/// Multiplies the image by 1 + a random factor with a probability; MONAI's `RandScaleIntensityd`.
public struct RandScaleIntensity: RandomPatchTransform, Hashable {
    /// Range of the factor.
    public let factors: ClosedRange<Double>
    /// Chance of a change.
    public let probability: Double
    private var draws = WrappedDraws()

    /// Takes the range and the chance; MONAI's single number f is -f...f.
    public init(factors: ClosedRange<Double>, probability: Double) {
        self.factors = factors
        self.probability = probability
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// A factor of the range.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard draws.isCalled(probability) else { return nil }
        return ScaleIntensity(factor: Float(1 + draws.inner.uniform(factors.lowerBound, factors.upperBound)))
    }
}

/// Multiplies the image.
public struct ScaleIntensity: PatchChange, Hashable {
    /// What intensities are multiplied by.
    public let factor: Float

    /// Takes the factor.
    public init(factor: Float) { self.factor = factor }

    /// Changes the image only.
    public func apply(to patch: inout Patch) {
        patch.withIntensities { for index in $0.indices { $0[index] *= factor } }
    }
}
