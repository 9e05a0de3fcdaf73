/// Mirrors image and label along an axis with a probability; MONAI's `RandFlipd`.
public struct RandFlip: RandomPatchTransform, Hashable {
    /// Chance of a change.
    public let probability: Double
    /// 0, 1 or 2.
    public let axis: Int
    private var random = NumPyRandomState(seed: 0)

    /// Takes the chance and the axis.
    public init(probability: Double, axis: Int) {
        precondition((0..<3).contains(axis), "axis \(axis) is not 0, 1 or 2")
        self.probability = probability
        self.axis = axis
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// One `rand()` a patch.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        random.rand() < probability ? Flip(axis: axis) : nil
    }
}

/// Mirrors along an axis.
private struct Flip: PatchChange {
    let axis: Int

    func apply(to patch: inout Patch) { patch = patch.flipped(axis: axis) }
}
