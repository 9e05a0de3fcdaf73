/// Turns image and label by 1 to `maxTurns` quarters in axes (0, 1) with a probability; MONAI's `RandRotate90d`.
public struct RandRotate90: RandomPatchTransform, Hashable {
    /// Chance of a change.
    public let probability: Double
    /// Most quarter turns.
    public let maxTurns: Int
    private var random = NumPyRandomState(seed: 0)

    /// Takes the chance and the most quarter turns.
    public init(probability: Double, maxTurns: Int) {
        precondition(maxTurns >= 1, "maxTurns \(maxTurns) must be at least 1")
        self.probability = probability
        self.maxTurns = maxTurns
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { random = NumPyRandomState(seed: seed) }

    /// The dictionary version draws the turns first, and even where it then does nothing.
    public mutating func draw(channels: Int) -> (any PatchChange)? {
        let turns = random.randint(maxTurns) + 1
        return random.rand() < probability ? Rotate90(turns: turns) : nil
    }
}

/// Turns by quarters.
private struct Rotate90: PatchChange {
    let turns: Int

    func apply(to patch: inout Patch) { patch = patch.rotated90(turns) }
}
