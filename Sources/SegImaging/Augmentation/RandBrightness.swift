/// Multiplies each channel by a factor around 1 with a probability; nnU-Net's `MultiplicativeBrightnessTransform`.
public struct RandBrightness: RandomPatchTransform, Hashable {
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
        return ChannelChanges.draw(channels) { ScaleIntensity(factor: Float(random.factor(range))) }
    }
}
