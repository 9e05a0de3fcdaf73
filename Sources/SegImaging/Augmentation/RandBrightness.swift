/// Multiplies each channel by a factor round 1 with a probability; nnU-Net's `MultiplicativeBrightnessTransform`.
public struct RandBrightness: RandomPatchTransform, Hashable {
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
        return ChannelChanges.draw(channels) { ScaleIntensity(factor: Float(random.factor(range))) }
    }
}
