/// Flips image and label along an axis with a probability; MONAI's `RandFlipd`.
public struct RandFlip: RandomPatchTransform, Hashable {
    /// The probability of a change.
    public let probability: Double
    /// The axis: 0, 1 or 2.
    public let axis: Int
    private var random = NumPyRandomState(seed: 0)

    /// Creates the transform from its probability and axis.
    public init(probability: Double, axis: Int) {
        precondition((0..<3).contains(axis), "axis \(axis) is not 0, 1 or 2")
        self.probability = probability
        self.axis = axis
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// Draws one `rand()` per patch.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        random.rand() < probability ? Flip(axis: axis) : nil
    }
}

/// Flips along an axis.
private struct Flip: PatchChange {
    let axis: Int

    func apply(to patch: inout Patch) { patch = patch.flipped(axis: axis) }
}
