public import SegCore
public import SegImaging

/// Patches and their labels, as input of a network.
public struct PatchBatch: Sendable {
    /// The number of patches.
    public let count: Int
    /// The size of each patch.
    public let size: Triple
    /// The number of channels of the images.
    public let channels: Int
    /// The intensities, `[count, D, H, W, channels]`.
    public let images: [Float]
    /// The labels, `[count, D, H, W]`: classes or, as bits, regions; -1 for ignored voxels.
    public let labels: [Int32]

    /// Creates a batch of patches of one size.
    public init(count: Int = 1, size: Triple, channels: Int = 1, images: [Float], labels: [Int32]) {
        precondition(
            images.count == count * size.count * channels && labels.count == count * size.count,
            "\(count) patches of \(size) with \(channels) channels need other numbers of voxels than \(images.count) "
                + "and labels than \(labels.count)")
        self.count = count
        self.size = size
        self.channels = channels
        self.images = images
        self.labels = labels
    }
}

/// Batches of augmented patches; the batch of a step depends only on the seed and the step's number.
///
/// Volumes come in a new random order each epoch. Draws follow MONAI (`RandCropByPosNegLabeld`, `RandFlipd`,
/// `RandRotate90d` and so on) and use NumPy's generator, which is seeded for every volume, or with
/// `PatchSampling.Draws.monai` once for the whole run.
public struct PatchSource: Sendable {
    private let cases: [PreparedCase]
    private let channels: Int
    private let targets: [Int32]
    private let samplers: [CropSampler]
    private let sampling: PatchSampling
    private let transforms: [any RandomPatchTransform]
    private let order: VolumeOrder
    private let sequence: PlanSequence?

    /// Counts the voxels on which patches can be centred, once for all steps.
    /// - Throws: `DataError` naming the case that gives no patches, or an invalid setting.
    public init(
        _ cases: [PreparedCase], _ sampling: PatchSampling, _ augmentation: Augmentation, seed: UInt32,
        labels: LabelScheme = LabelScheme()
    ) throws(DataError) {
        guard !cases.isEmpty else { throw DataError(.badData, "training", "there are no cases to train on") }
        guard augmentation.rotateProbability == 0 || sampling.size.d == sampling.size.h else {
            throw DataError(
                .badArgument, "augmentation.rotate90",
                "rotates axes 0 and 1 into each other, so patches must be equally large along both, not \(sampling.size)"
            )
        }
        let channels = cases[0].scan.channels
        if let other = cases.first(where: { $0.scan.channels != channels }) {
            throw DataError(
                .badData, other.name, "has \(other.scan.channels) channels, but \(cases[0].name) has \(channels)")
        }
        let cases = sampling.pad ? cases.map { $0.padded(to: sampling.size) } : cases
        let samplers = try Self.samplers(cases, sampling)
        let order = VolumeOrder(count: cases.count, seed: seed)
        self.cases = cases
        self.channels = channels
        targets = labels.targets
        self.samplers = samplers
        self.sampling = sampling
        self.order = order
        transforms = augmentation.transforms
        switch sampling.draws {
        case .medseg: sequence = nil
        case .monai:
            sequence = PlanSequence(RandomPipeline(transforms, seed: seed)) { step, random in
                Self.volumes(step, sampling, order).enumerated().flatMap { slot, volume in
                    Self.plans(slot, samplers[volume.index], sampling, channels: channels, &random)
                }
            }
        }
    }

    private static func samplers(
        _ cases: [PreparedCase], _ sampling: PatchSampling
    ) throws(DataError) -> [CropSampler] {
        let options = CropSampler.Options(
            patchSize: sampling.size, positive: sampling.positive, negative: sampling.negative,
            imageThreshold: sampling.imageThreshold)
        var samplers: [CropSampler] = []
        for item in cases {
            guard (0..<3).allSatisfy({ sampling.size[$0] <= item.size[$0] }) else {
                throw DataError(
                    .badData, item.name,
                    "is \(item.size) voxels on the network's grid, smaller than a patch of \(sampling.size); "
                        + "set sampling.pad: true or use a smaller roi_size")
            }
            samplers.append(try CropSampler(item.scan, options: options, name: item.name))
        }
        return samplers
    }

    /// Warnings about cases that lack voxels for the requested mix of patches or could not be cached, one sentence
    /// each.
    public var warnings: [String] { cases.flatMap(\.notes) + samplers.compactMap(\.warning) }

    /// The classes that occur in any case, or with regions the numbers of label maps, without the background and without
    /// ignored voxels.
    public var presentClasses: Set<Int> { Set(samplers.flatMap(\.presentClasses).map { Int($0) }) }

    /// The batch of a step, counted from 0; may be called from several threads.
    /// - Throws: `DataError` naming a cached case that can no longer be read.
    public func batch(_ step: Int) throws(DataError) -> PatchBatch {
        var images: [Float] = []
        var labels: [Int32] = []
        let voxels = sampling.size.count * sampling.batchSize
        images.reserveCapacity(voxels * channels)
        labels.reserveCapacity(voxels)
        let inSequence = sequence?.plans(step)
        for (slot, volume) in Self.volumes(step, sampling, order).enumerated() {
            let plans =
                if let inSequence {
                    Array(inSequence[slot * sampling.samplesPerVolume..<(slot + 1) * sampling.samplesPerVolume])
                } else { ownPlans(slot, volume) }
            let scan = cases[volume.index].scan
            for plan in plans {
                var patch = try scan.cut(samplers[volume.index].box(plan.place, in: scan))
                for change in plan.changes { change.apply(to: &patch) }
                images += patch.image
                patch.label.withUnsafeBufferPointer { label in labels += label.lazy.map { targets[Int($0)] } }
            }
        }
        return PatchBatch(
            count: sampling.batchSize, size: sampling.size, channels: channels, images: images, labels: labels)
    }

    private func ownPlans(_ slot: Int, _ volume: Taken) -> [PatchPlan] {
        var random = RandomPipeline(transforms, seed: order.seed(position: volume.position))
        return Self.plans(slot, samplers[volume.index], sampling, channels: channels, &random)
    }

    /// A volume of a batch: its index, and the number of volumes before it in the whole run.
    private struct Taken {
        let index: Int
        let position: Int
    }

    private static func volumes(_ step: Int, _ sampling: PatchSampling, _ order: VolumeOrder) -> [Taken] {
        (0..<sampling.volumesPerBatch).map { slot in
            let position = step * sampling.volumesPerBatch + slot
            return Taken(index: order[position], position: position)
        }
    }

    /// The draws of a volume's patches; crops and changes use separate generators, therefore both may be drawn
    /// together.
    private static func plans(
        _ slot: Int, _ sampler: CropSampler, _ sampling: PatchSampling, channels: Int, _ random: inout RandomPipeline
    ) -> [PatchPlan] {
        (0..<sampling.samplesPerVolume).map { sample in
            let place =
                if let isForced = sampling.forcesForeground(slot * sampling.samplesPerVolume + sample) {
                    sampler.draw(forcingForeground: isForced, &random.cropRandom)
                } else { sampler.draw(&random.cropRandom) }
            return PatchPlan(place: place, changes: random.draw(channels: channels))
        }
    }
}

/// The order in which a run uses its volumes: each once per epoch, shuffled for each epoch.
struct VolumeOrder: Sendable {
    let count: Int
    let seed: UInt32

    /// The index of the volume at a position of the order.
    subscript(position: Int) -> Int {
        var random = NumPyRandomState(seed: mixed(UInt32(truncatingIfNeeded: position / count), stream: 0))
        var order = Array(0..<count)
        for last in order.indices.reversed().dropLast() { order.swapAt(last, random.randint(last + 1)) }
        return order[position % count]
    }

    /// The seed of the draws for the volume at a position.
    func seed(position: Int) -> UInt32 { mixed(UInt32(truncatingIfNeeded: position), stream: 1) }

    /// The seed for a number of a stream, mixed by the finaliser of MurmurHash3 so that neighbouring numbers give
    /// unrelated seeds.
    private func mixed(_ number: UInt32, stream: UInt32) -> UInt32 {
        var hash = seed &* 0x9E37_79B9 ^ number &* 2 &+ stream
        for factor in [0x85EB_CA6B, 0xC2B2_AE35] as [UInt32] {
            hash ^= hash >> 16
            hash = hash &* factor
        }
        return hash ^ hash >> 16
    }
}
