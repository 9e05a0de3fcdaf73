/// A random change of a patch that repeats with its seed.
public protocol RandomPatchTransform: Sendable {
    /// Starts the draws anew; MONAI's `set_random_state(seed=)`.
    mutating func reseed(_ seed: UInt32)

    /// Draws, then changes the patch or leaves it.
    mutating func apply(to patch: inout Patch)
}

/// Mirrors image and label along an axis with a probability; MONAI's `RandFlipd`.
public struct RandFlip: RandomPatchTransform {
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
    public mutating func apply(to patch: inout Patch) {
        if random.rand() < probability { patch = patch.flipped(axis: axis) }
    }
}

/// Turns image and label by 1 to `maxTurns` quarters in axes (0, 1) with a probability; MONAI's `RandRotate90d`.
public struct RandRotate90: RandomPatchTransform {
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
    public mutating func apply(to patch: inout Patch) {
        let turns = random.randint(maxTurns) + 1
        if random.rand() < probability { patch = patch.rotated90(turns) }
    }
}

/// The two generators of MONAI's dictionary intensity transforms, which start from one seed.
private struct IntensityDraws: Sendable {
    private var outer = NumPyRandomState(seed: 0)
    private var inner = NumPyRandomState(seed: 0)

    mutating func reseed(_ seed: UInt32) {
        outer = NumPyRandomState(seed: seed)
        inner = NumPyRandomState(seed: seed)
    }

    /// A number of a range, nil where nothing is to be done.
    ///
    /// The wrapped transform spends a `rand()` of its own.
    mutating func next(probability: Double, _ range: ClosedRange<Double>) -> Double? {
        guard outer.rand() < probability else { return nil }
        _ = inner.rand()
        return inner.uniform(range.lowerBound, range.upperBound)
    }
}

/// Multiplies the image by 1 + a random factor with a probability; MONAI's `RandScaleIntensityd`.
public struct RandScaleIntensity: RandomPatchTransform {
    /// Range of the factor.
    public let factors: ClosedRange<Double>
    /// Chance of a change.
    public let probability: Double
    private var draws = IntensityDraws()

    /// Takes the range and the chance; MONAI's single number f is -f...f.
    public init(factors: ClosedRange<Double>, probability: Double) {
        self.factors = factors
        self.probability = probability
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// Changes the image only.
    public mutating func apply(to patch: inout Patch) {
        guard let factor = draws.next(probability: probability, factors) else { return }
        let scale = Float(1 + factor)
        for index in patch.image.indices { patch.image[index] *= scale }
    }
}

/// Adds a random offset to the image with a probability; MONAI's `RandShiftIntensityd`.
public struct RandShiftIntensity: RandomPatchTransform {
    /// Range of the offset.
    public let offsets: ClosedRange<Double>
    /// Chance of a change.
    public let probability: Double
    private var draws = IntensityDraws()

    /// Takes the range and the chance; MONAI's single number o is -o...o.
    public init(offsets: ClosedRange<Double>, probability: Double) {
        self.offsets = offsets
        self.probability = probability
    }

    /// Starts the draws anew.
    public mutating func reseed(_ seed: UInt32) { draws.reseed(seed) }

    /// Changes the image only.
    public mutating func apply(to patch: inout Patch) {
        guard let offset = draws.next(probability: probability, offsets) else { return }
        let shift = Float(offset)
        for index in patch.image.indices { patch.image[index] += shift }
    }
}

/// Random transforms in order, seeded from one number; the random part of MONAI's `Compose`.
public struct RandomPipeline: RandomPatchTransform {
    private var transforms: [any RandomPatchTransform]
    /// The generator of the crop that comes first in MONAI's chain; give it to `CropSampler`.
    public var cropRandom: NumPyRandomState

    /// Takes the transforms that follow the crop, and a seed.
    public init(_ transforms: [any RandomPatchTransform], seed: UInt32) {
        self.transforms = transforms
        cropRandom = NumPyRandomState(seed: 0)
        reseed(seed)
    }

    /// The crop, then each transform gets `randint(2³²)` of a generator of the seed, as `Compose.set_random_state`
    /// deals.
    public mutating func reseed(_ seed: UInt32) {
        var dealer = NumPyRandomState(seed: seed)
        cropRandom = NumPyRandomState(seed: dealer.nextUInt32())
        for index in transforms.indices { transforms[index].reseed(dealer.nextUInt32()) }
    }

    /// Applies every transform in turn.
    public mutating func apply(to patch: inout Patch) {
        for index in transforms.indices { transforms[index].apply(to: &patch) }
    }
}
