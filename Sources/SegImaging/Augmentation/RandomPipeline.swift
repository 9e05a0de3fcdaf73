/// A random change of patches. The same seed gives the same changes.
///
/// Drawing is separate from changing: draws follow one another in order, while patches are changed on several threads.
public protocol RandomPatchTransform: Sendable {
    /// Restarts the random draws from a seed; MONAI's `set_random_state(seed=)`.
    mutating func reseed(_ seed: UInt32)

    /// Draws the change of the next patch, which has `channels` channels; nil leaves the patch as it is.
    mutating func draw(channels: Int) -> (any PatchChange)?
}

/// A change of a patch with all its random parameters drawn.
public protocol PatchChange: Sendable {
    /// Changes the patch.
    func apply(to patch: inout Patch)
}

/// Changes each channel by a separate change, as nnU-Net's intensity transforms do.
struct ChannelChanges: PatchChange {
    private let changes: [any PatchChange]

    /// One change for an image of one channel; otherwise one change drawn for each channel in turn.
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

/// The two generators of MONAI's dictionary transforms, which start from the same seed.
///
/// The outer generator decides whether the transform is applied. If it is, the wrapped transform draws one `rand()`
/// from its own generator before it draws its parameters.
struct WrappedDraws: Hashable, Sendable {
    private var outer = NumPyRandomState(seed: 0)
    var inner = NumPyRandomState(seed: 0)

    mutating func reseed(_ seed: UInt32) {
        outer = NumPyRandomState(seed: seed)
        inner = NumPyRandomState(seed: seed)
    }

    /// Whether the transform is applied; if so, the next draws from `inner` are its parameters.
    mutating func isCalled(_ probability: Double) -> Bool {
        guard outer.rand() < probability else { return false }
        _ = inner.rand()
        return true
    }
}

/// Random transforms in order, seeded from one number; the random part of MONAI's `Compose`.
public struct RandomPipeline: Sendable {
    private var transforms: [any RandomPatchTransform]
    /// The generator for the crop, the first transform in MONAI's chain; pass it to `CropSampler.draw`.
    public var cropRandom: NumPyRandomState

    /// Creates a pipeline from the transforms that follow the crop, and a seed.
    public init(_ transforms: [any RandomPatchTransform], seed: UInt32) {
        self.transforms = transforms
        cropRandom = NumPyRandomState(seed: 0)
        reseed(seed)
    }

    /// Reseeds the crop, then each transform. Each gets a new `randint(2³²)` from a generator seeded with `seed`, as in
    /// `Compose.set_random_state`.
    public mutating func reseed(_ seed: UInt32) {
        var dealer = NumPyRandomState(seed: seed)
        cropRandom = NumPyRandomState(seed: dealer.nextUInt32())
        for index in transforms.indices { transforms[index].reseed(dealer.nextUInt32()) }
    }

    /// Draws the changes of the next patch, which has `channels` channels, in order.
    public mutating func draw(channels: Int) -> [any PatchChange] {
        var changes: [any PatchChange] = []
        for index in transforms.indices {
            if let change = transforms[index].draw(channels: channels) { changes.append(change) }
        }
        return changes
    }
}
