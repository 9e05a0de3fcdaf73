/// Adds a random offset to the image with a probability; MONAI's `RandShiftIntensityd`.
public struct RandShiftIntensity: RandomPatchTransform, Hashable {
    /// The range of the offset.
    public let offsets: ClosedRange<Double>
    /// The probability of a change.
    public let probability: Double
    private var draws = WrappedDraws()

    /// Creates the transform from the range and the probability; MONAI's single number o means -o...o.
    public init(offsets: ClosedRange<Double>, probability: Double) {
        self.offsets = offsets
        self.probability = probability
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// Draws an offset in the range.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard draws.isCalled(probability) else { return nil }
        return ShiftIntensity(offset: Float(draws.inner.uniform(offsets.lowerBound, offsets.upperBound)))
    }
}

/// Adds an offset to the image.
private struct ShiftIntensity: PatchChange {
    let offset: Float

    func apply(to patch: inout Patch) {
        patch.withIntensities { for index in $0.indices { $0[index] += offset } }
    }
}
