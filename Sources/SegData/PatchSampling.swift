public import SegCore
internal import SegImaging

/// The drawing of training patches: `RandCropByPosNegLabel`, or nnU-Net's oversampling.
public struct PatchSampling: Hashable, Sendable {
    /// The seeding of a training run's random draws.
    public enum Draws: String, Hashable, Sendable, CaseIterable {
        /// One seed per volume of a batch, derived from the run's seed and the volume's position in the run.
        case medseg
        /// One sequence from the first step on, as in MONAI's `Compose.set_random_state(seed)`.
        case monai
    }

    /// The size of a patch.
    public var size: Triple
    /// The weight of patches centred on a labelled voxel.
    public var positive = 1.0
    /// The weight of patches centred on background.
    public var negative = 1.0
    /// The share of a batch's patches, counted from its end, that are forced onto foreground; nil draws by the two
    /// weights.
    public var foregroundOversampling: Double?
    /// The number of patches that are drawn from each volume of a batch.
    public var samplesPerVolume = 2
    /// The number of volumes per batch.
    public var volumesPerBatch = 1
    /// Patches are centred only on background voxels whose intensity exceeds this threshold.
    public var imageThreshold: Float = 0
    /// Whether volumes smaller than a patch are padded with zeros; otherwise they are an error.
    public var pad = false
    /// The seeding of the draws.
    public var draws = Draws.medseg

    /// Creates sampling with patches of a size, equally often on label and background; set the other fields as needed.
    public init(size: Triple) { self.size = size }

    /// The number of patches in a batch.
    public var batchSize: Int { samplesPerVolume * volumesPerBatch }

    /// Whether a patch of a batch is forced onto foreground, by nnU-Net's rule; nil if the weights decide.
    func forcesForeground(_ index: Int) -> Bool? {
        foregroundOversampling.map { share in
            index >= Int((Double(batchSize) * (1 - share)).rounded(.toNearestOrEven))
        }
    }
}
