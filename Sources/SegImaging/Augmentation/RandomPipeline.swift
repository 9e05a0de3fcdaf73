/// A random change of patches that repeats with its seed.
///
/// Drawing is apart from changing, so that draws can follow one another while patches are changed on several threads.
public protocol RandomPatchTransform: Sendable {
    /// Starts the draws anew; MONAI's `set_random_state(seed=)`.
    mutating func reseed(_ seed: UInt32)

    /// Draws what happens to the next patch, of so many channels; nil leaves it as it is.
    mutating func draw(channels: Int) -> (any PatchChange)?
}

/// A change of a patch with everything about it decided.
public protocol PatchChange: Sendable {
    /// Changes the patch.
    func apply(to patch: inout Patch)
}

/// Changes each channel by a change of its own, as nnU-Net's transforms of intensities do.
struct ChannelChanges: PatchChange {
    private let changes: [any PatchChange]

    /// One change for an image of one channel, else one drawn for each channel in turn.
    static func draw(_ channels: Int, _ change: () -> any PatchChange) -> any PatchChange {
        channels == 1 ? change() : ChannelChanges(changes: (0..<channels).map { _ in change() })
    }

    func apply(to patch: inout Patch) {
        let (label, size) = (patch.label, patch.size)
        patch.forEachChannel { channel, voxels in
            var single = Patch(image: voxels, label: label, size: size)
            changes[channel].apply(to: &single)
            voxels = single.image
        }
    }
}

/// The two generators of MONAI's dictionary transforms, which start from one seed.
///
/// The outer one decides whether something happens. The wrapped transform, asked then, draws a `rand()` of its own
/// before it draws what happens.
struct WrappedDraws: Hashable, Sendable {
    private var outer = NumPyRandomState(seed: 0)
    var inner = NumPyRandomState(seed: 0)

    mutating func reseed(_ seed: UInt32) {
        outer = NumPyRandomState(seed: seed)
        inner = NumPyRandomState(seed: seed)
    }

    /// Whether something happens; if so, `inner` is ready to say what.
    mutating func isCalled(_ probability: Double) -> Bool {
        guard outer.rand() < probability else { return false }
        _ = inner.rand()
        return true
    }
}

/// Random transforms in order, seeded from one number; the random part of MONAI's `Compose`.
public struct RandomPipeline: Sendable {
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

    /// What happens to the next patch, of so many channels, in order.
    public mutating func draw(channels: Int) -> [any PatchChange] {
        var changes: [any PatchChange] = []
        for index in transforms.indices {
            if let change = transforms[index].draw(channels: channels) { changes.append(change) }
        }
        return changes
    }
}
