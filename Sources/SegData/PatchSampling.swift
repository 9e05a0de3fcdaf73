public import SegCore
internal import SegImaging

/// How training patches are drawn: `RandCropByPosNegLabel`, or nnU-Net's oversampling.
public struct PatchSampling: Hashable, Sendable {
    /// Which draws of random numbers a training makes.
    public enum Draws: String, Hashable, Sendable, CaseIterable {
        /// A seed for each volume that is taken, of the training's seed and the step.
        case medseg
        /// One sequence from the first step on, that of MONAI's `Compose.set_random_state(seed)`.
        case monai
    }

    /// Extents of a patch.
    public var size: Triple
    /// Weight of patches centred on a labelled voxel.
    public var positive = 1.0
    /// Weight of patches centred on background.
    public var negative = 1.0
    /// Share of a batch's patches, its last ones, that hold foreground for certain; nil draws by the two weights.
    public var foregroundOversampling: Double?
    /// Patches drawn of each volume of a batch.
    public var samplesPerVolume = 2
    /// Volumes that share a batch.
    public var volumesPerBatch = 1
    /// Background centres lie where the image exceeds this.
    public var imageThreshold: Float = 0
    /// Volumes smaller than a patch are padded with zeros; otherwise they are an error.
    public var pad = false
    /// Whose draws are made.
    public var draws = Draws.medseg

    /// Patches of a size, equally often on label and background; to be changed field by field.
    public init(size: Triple) { self.size = size }

    /// Patches in a batch.
    public var batchSize: Int { samplesPerVolume * volumesPerBatch }

    /// Whether a patch of a batch is forced onto foreground, nil where the weights decide; nnU-Net's rule.
    func forcesForeground(_ index: Int) -> Bool? {
        foregroundOversampling.map { share in
            index >= Int((Double(batchSize) * (1 - share)).rounded(.toNearestOrEven))
        }
    }
}
