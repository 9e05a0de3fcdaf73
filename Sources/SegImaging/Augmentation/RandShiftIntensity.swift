/// Adds a random offset to the image with a probability; MONAI's `RandShiftIntensityd`.
public struct RandShiftIntensity: RandomPatchTransform, Hashable {
    /// Range of the offset.
    public let offsets: ClosedRange<Double>
    /// Chance of a change.
    public let probability: Double
    private var draws = WrappedDraws()

    /// Takes the range and the chance; MONAI's single number o is -o...o.
    public init(offsets: ClosedRange<Double>, probability: Double) {
        self.offsets = offsets
        self.probability = probability
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// An offset of the range.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        guard draws.isCalled(probability) else { return nil }
        return ShiftIntensity(offset: Float(draws.inner.uniform(offsets.lowerBound, offsets.upperBound)))
    }
}

/// Adds to the image.
private struct ShiftIntensity: PatchChange {
    let offset: Float

    func apply(to patch: inout Patch) {
        patch.withIntensities { for index in $0.indices { $0[index] += offset } }
    }
}
