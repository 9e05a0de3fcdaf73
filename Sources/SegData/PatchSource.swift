public import SegImaging

/// Patches and their labels, as a network takes them.
public struct PatchBatch: Sendable {
    /// Patches.
    public let count: Int
    /// Extents of each.
    public let size: Size3
    /// `[count, D, H, W]`.
    public let images: [Float]
    /// `[count, D, H, W]`.
    public let labels: [Int32]
}

/// Batches of augmented patches; the batch of a step depends on the seed and the step's number alone.
///
/// Volumes are taken in a new random order each epoch. Draws follow MONAI: `RandCropByPosNegLabeld`, `RandFlipd`,
/// `RandRotate90d`, `RandScaleIntensityd`, `RandShiftIntensityd`, from NumPy's generator.
public struct PatchSource: Sendable {
    private let cases: [PreparedCase]
    private let samplers: [CropSampler]
    private let sampling: PatchSampling
    private let transforms: [any RandomPatchTransform]
    private let seed: UInt32

    /// Lists the voxels that patches can be centred on, once for all steps.
    /// - Throws: `ImagingError` naming the case that gives no patches, or a setting that makes no sense.
    public init(
        _ cases: [PreparedCase], _ sampling: PatchSampling, _ augmentation: Augmentation, seed: UInt32
    ) throws(ImagingError) {
        guard !cases.isEmpty else { throw ImagingError(.badData, "training", "there are no cases to train on") }
        guard augmentation.rotateProbability == 0 || sampling.size.i == sampling.size.j else {
            throw ImagingError(
                .badArgument, "augmentation.rotate90",
                "turns axes 0 and 1, so patches must be equally large along both, not \(sampling.size)")
        }
        self.cases = sampling.pad ? cases.map { $0.padded(to: sampling.size) } : cases
        self.sampling = sampling
        self.seed = seed
        transforms = augmentation.transforms
        let options = CropSampler.Options(
            patchSize: sampling.size, positive: sampling.positive, negative: sampling.negative,
            imageThreshold: sampling.imageThreshold)
        var samplers: [CropSampler] = []
        for item in self.cases {
            guard (0..<3).allSatisfy({ sampling.size[$0] <= item.image.size[$0] }) else {
                throw ImagingError(
                    .badData, item.name,
                    "is \(item.image.size) voxels on the network's grid, smaller than a patch of \(sampling.size); "
                        + "set sampling.pad: true or take a smaller roi_size")
            }
            samplers.append(
                try CropSampler(label: item.label, image: item.image, options: options, name: item.name))
        }
        self.samplers = samplers
    }

    /// What cases lack for the wanted mix of patches, a sentence a case.
    public var warnings: [String] { samplers.compactMap(\.warning) }

    /// The batch of a step, counted from 0.
    public func batch(_ step: Int) -> PatchBatch {
        var images: [Float] = []
        var labels: [Int32] = []
        let voxels = sampling.size.count * sampling.batchSize
        images.reserveCapacity(voxels)
        labels.reserveCapacity(voxels)
        for slot in 0..<sampling.volumesPerBatch {
            let position = step * sampling.volumesPerBatch + slot
            let index = order(epoch: position / cases.count)[position % cases.count]
            var random = RandomPipeline(transforms, seed: mixed(UInt32(truncatingIfNeeded: position), stream: 1))
            for _ in 0..<sampling.samplesPerVolume {
                var patch = samplers[index].nextPatch(
                    image: cases[index].image, label: cases[index].label, &random.cropRandom)
                random.apply(to: &patch)
                images += patch.image
                labels += patch.label.lazy.map { Int32($0) }
            }
        }
        return PatchBatch(count: sampling.batchSize, size: sampling.size, images: images, labels: labels)
    }

    /// The order of the volumes in an epoch.
    private func order(epoch: Int) -> [Int] {
        var random = NumPyRandomState(seed: mixed(UInt32(truncatingIfNeeded: epoch), stream: 0))
        var order = Array(cases.indices)
        for last in order.indices.reversed().dropLast() { order.swapAt(last, random.randint(last + 1)) }
        return order
    }

    /// A seed for a number of a stream: the finaliser of MurmurHash3, so that neighbours share nothing.
    private func mixed(_ number: UInt32, stream: UInt32) -> UInt32 {
        var hash = seed &* 0x9E37_79B9 ^ number &* 2 &+ stream
        for factor in [0x85EB_CA6B, 0xC2B2_AE35] as [UInt32] {
            hash ^= hash >> 16
            hash = hash &* factor
        }
        return hash ^ hash >> 16
    }
}

extension Augmentation {
    /// The steps in MONAI's order; those of probability 0 are left out.
    fileprivate var transforms: [any RandomPatchTransform] {
        var steps: [any RandomPatchTransform] = []
        if flipProbability > 0 { steps += flipAxes.map { RandFlip(probability: flipProbability, axis: $0) } }
        if rotateProbability > 0 { steps.append(RandRotate90(probability: rotateProbability, maxTurns: 3)) }
        if scaleProbability > 0 {
            steps.append(
                RandScaleIntensity(factors: -scaleFactors...scaleFactors, probability: scaleProbability))
        }
        if shiftProbability > 0 {
            steps.append(
                RandShiftIntensity(offsets: -shiftOffsets...shiftOffsets, probability: shiftProbability))
        }
        return steps
    }
}
