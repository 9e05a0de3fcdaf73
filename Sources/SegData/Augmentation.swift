public import SegImaging

/// How training patches are varied; what is nil or of probability 0 is left out.
public struct Augmentation: Hashable, Sendable {
    /// `RandFlip`, once for each of the axes.
    public var flipProbability = 0.0
    /// Axes that are flipped.
    public var flipAxes: [Int] = []
    /// `RandRotate90` in the plane of axes 0 and 1.
    public var rotateProbability = 0.0
    /// Turns by any angle, shear and scale.
    public var affine: RandAffine?
    /// Smooth random bending.
    public var elastic: RandElastic?
    /// Gaussian noise.
    public var noise: RandGaussianNoise?
    /// Blur.
    public var blur: RandGaussianSmooth?
    /// Multiplied intensities, nnU-Net's way.
    public var brightness: RandBrightness?
    /// Intensities stretched about their mean.
    public var contrast: RandContrast?
    /// Coarser voxels.
    public var lowResolution: RandLowResolution?
    /// Intensities bent by a power.
    public var gamma: RandGamma?
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

    /// The steps in their order, that of MONAI's and nnU-Net's chains: first places, then intensities.
    var transforms: [any RandomPatchTransform] {
        var steps: [any RandomPatchTransform] = []
        if flipProbability > 0 { steps += flipAxes.map { RandFlip(probability: flipProbability, axis: $0) } }
        if rotateProbability > 0 { steps.append(RandRotate90(probability: rotateProbability, maxTurns: 3)) }
        let chosen: [(any RandomPatchTransform)?] = [
            affine, elastic, noise, blur, brightness, contrast, lowResolution, gamma,
        ]
        steps += chosen.compactMap(\.self)
        if scaleProbability > 0 {
            steps.append(RandScaleIntensity(factors: -scaleFactors...scaleFactors, probability: scaleProbability))
        }
        if shiftProbability > 0 {
            steps.append(RandShiftIntensity(offsets: -shiftOffsets...shiftOffsets, probability: shiftProbability))
        }
        return steps
    }
}
