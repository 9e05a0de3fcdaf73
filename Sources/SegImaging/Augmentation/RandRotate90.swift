/// Rotates image and label by 1 to `maxTurns` quarter turns in the plane of axes 0 and 1 with a probability; MONAI's
/// `RandRotate90d`.
public struct RandRotate90: RandomPatchTransform, Hashable {
    /// The probability of a change.
    public let probability: Double
    /// The maximum number of quarter turns.
    public let maxTurns: Int
    private var random = NumPyRandomState(seed: 0)

    /// Creates the transform from its probability and the maximum number of quarter turns.
    public init(probability: Double, maxTurns: Int) {
        precondition(maxTurns >= 1, "maxTurns \(maxTurns) must be at least 1")
        self.probability = probability
        self.maxTurns = maxTurns
    }

    /// Restarts the random draws from a seed.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// Draws the number of turns first, even for a patch that is then left as it is; MONAI's `RandRotate90d` does the
    /// same.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        let turns = random.randint(maxTurns) + 1
        return random.rand() < probability ? Rotate90(turns: turns) : nil
    }
}

/// Rotates by quarter turns.
private struct Rotate90: PatchChange {
    let turns: Int

    func apply(to patch: inout Patch) { patch = patch.rotated90(turns) }
}
