public import SegImaging

/// How training patches are drawn, `RandCropByPosNegLabel`.
public struct PatchSampling: Hashable, Sendable {
    /// Extents of a patch.
    public var size: Size3
    /// Weight of patches centred on a labelled voxel.
    public var positive = 1.0
    /// Weight of patches centred on background.
    public var negative = 1.0
    /// Patches drawn of each volume of a batch.
    public var samplesPerVolume = 2
    /// Volumes that share a batch.
    public var volumesPerBatch = 1
    /// Background centres lie where the image exceeds this.
    public var imageThreshold: Float = 0
    /// Volumes smaller than a patch are padded with zeros; otherwise they are an error.
    public var pad = false

    /// Patches of a size, equally often on label and background; to be changed field by field.
    public init(size: Size3) { self.size = size }

    /// Patches in a batch.
    public var batchSize: Int { samplesPerVolume * volumesPerBatch }
}

/// How training patches are varied; a probability of 0 leaves a step out.
public struct Augmentation: Hashable, Sendable {
    /// `RandFlip`, once for each of the axes.
    public var flipProbability = 0.0
    /// Axes that are flipped.
    public var flipAxes: [Int] = []
    /// `RandRotate90` in the plane of axes 0 and 1.
    public var rotateProbability = 0.0
    /// `RandScaleIntensity`.
    public var scaleProbability = 0.0
    /// Intensities are multiplied by 1 ± up to this.
    public var scaleFactors = 0.0
    /// `RandShiftIntensity`.
    public var shiftProbability = 0.0
    /// Up to this is added or subtracted.
    public var shiftOffsets = 0.0

    /// No augmentation; to be changed field by field.
    public init() {}
}
