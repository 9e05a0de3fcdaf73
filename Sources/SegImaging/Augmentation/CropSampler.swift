public import SegCore

/// Where patches of a scan may be centred: its foreground and background voxels, counted once.
///
/// MONAI's `RandCropByPosNegLabel`: a voxel of either kind by the ratio pos / (pos + neg), then moved so that the patch
/// lies within the volume. Or nnU-Net's oversampling: a patch is either forced onto a voxel of one of the scan's
/// classes or lies anywhere.
public struct CropSampler: Sendable {
    /// Extents of the volume.
    public let size: Triple
    /// Extents of a patch.
    public let patchSize: Triple
    /// Chance that a patch is centred on foreground, after what the volume lacks.
    public let positiveRatio: Double
    /// What forced the ratio, nil where both kinds of voxels exist; worth showing once a case.
    public let warning: String?
    private let foreground: VoxelRows
    private let background: VoxelRows
    private let classes: [VoxelRows]

    /// How patches are to be drawn.
    public struct Options: Hashable, Sendable {
        /// Extents of a patch; 0 or less takes the volume's.
        public var patchSize: Triple
        /// Weight of foreground centres.
        public var positive: Double
        /// Weight of background centres.
        public var negative: Double
        /// Background voxels are those whose image is above this.
        public var imageThreshold: Float

        /// Takes patch extents, both weights and the threshold.
        public init(patchSize: Triple, positive: Double, negative: Double, imageThreshold: Float) {
            self.patchSize = patchSize
            self.positive = positive
            self.negative = negative
            self.imageThreshold = imageThreshold
        }
    }

    /// Where a patch lies, as drawn: the n-th voxel of a kind as its centre, or its first corner.
    public struct Placement: Hashable, Sendable {
        fileprivate enum Rule: Hashable, Sendable {
            case foreground(Int)
            case background(Int)
            case classNumber(Int, Int)
            case corner([Int])
        }
        fileprivate let rule: Rule
    }

    /// Counts the voxels of a scan.
    ///
    /// `name` is the case's, for errors.
    ///
    /// - Throws: `DataError` where the patch is larger than the volume, the weights make no ratio, no voxel qualifies
    ///   or the voxels can no longer be read.
    public init(_ scan: LabelledScan, options: Options, name: String) throws(DataError) {
        guard options.positive >= 0, options.negative >= 0, options.positive + options.negative > 0 else {
            throw DataError(
                .badArgument, "crop weights",
                "pos \(options.positive) and neg \(options.negative) must be 0 or more and not both 0.")
        }
        size = scan.size
        patchSize = try Self.fit(options.patchSize, in: scan.size, name: name)
        foreground = try VoxelRows(.foreground, of: scan)
        background = try VoxelRows(.background(above: options.imageThreshold), of: scan)
        guard foreground.count > 0 || background.count > 0 else {
            throw DataError(
                .badData, name,
                "no voxel can centre a patch: "
                    + "the label is empty and no voxel of the image is above \(options.imageThreshold). "
                    + "Check the intensity window or leave the case out.")
        }
        let present = try scan.presentClasses.filter { $0 != 0 && $0 != LabelScheme.ignoredClass }
        var classes: [VoxelRows] = []
        for label in present {
            classes.append(present.count == 1 ? foreground : try VoxelRows(.label(label), of: scan))
        }
        self.classes = classes
        let wanted = options.positive / (options.positive + options.negative)
        if foreground.count == 0 {
            (positiveRatio, warning) = (0, "\(name): the label has no foreground; all patches are background.")
        } else if background.count == 0 {
            (positiveRatio, warning) = (
                1, "\(name): no background voxel is above the threshold; all patches are foreground."
            )
        } else {
            (positiveRatio, warning) = (wanted, nil)
        }
    }

    /// Number of foreground voxels.
    public var foregroundCount: Int { foreground.count }
    /// Number of background voxels.
    public var backgroundCount: Int { background.count }

    private static func fit(_ patch: Triple, in size: Triple, name: String) throws(DataError) -> Triple {
        var result = patch
        for axis in 0..<3 where patch[axis] <= 0 { result[axis] = size[axis] }
        guard (0..<3).allSatisfy({ result[$0] <= size[$0] }) else {
            throw DataError(
                .badData, name,
                "a patch of \(result) does not fit into the volume of \(size); "
                    + "pad the volume with SpatialPad or take smaller patches."
            )
        }
        guard size.count <= Int(UInt32.max) else {
            throw DataError(.badData, name, "a volume of \(size) is too large to draw patches from; crop it first.")
        }
        return result
    }
}

extension CropSampler {
    /// The next patch's place: `rand()` picks the kind of voxel, `randint` the voxel.
    public func draw(_ random: inout NumPyRandomState) -> Placement {
        if random.rand() < positiveRatio {
            Placement(rule: .foreground(random.randint(foreground.count)))
        } else {
            Placement(rule: .background(random.randint(background.count)))
        }
    }

    /// The next patch's place by oversampling: on a voxel of a class that is drawn first, or anywhere.
    public func draw(forcingForeground isForced: Bool, _ random: inout NumPyRandomState) -> Placement {
        guard isForced, !classes.isEmpty else {
            return Placement(rule: .corner((0..<3).map { random.randint(size[$0] - patchSize[$0] + 1) }))
        }
        let index = random.randint(classes.count)
        return Placement(rule: .classNumber(index, random.randint(classes[index].count)))
    }

    /// The box of a place in the scan that the sampler was made of.
    /// - Throws: `DataError` where its voxels can no longer be read.
    public func box(_ place: Placement, in scan: LabelledScan) throws(DataError) -> Box3 {
        precondition(scan.size == size, "the scan is not the sampler's")
        switch place.rule {
        case .foreground(let n): return box(centre: try foreground.voxel(n, in: scan))
        case .background(let n): return box(centre: try background.voxel(n, in: scan))
        case .classNumber(let index, let n): return box(centre: try classes[index].voxel(n, in: scan))
        case .corner(let start): return Box3(start: start, size: patchSize)
        }
    }

    private func box(centre: [Int]) -> Box3 {
        let start = (0..<3).map { axis in
            let half = patchSize[axis] / 2
            // The last centre of an odd patch is one lower than its rest would allow; an empty range is widened.
            var end = size[axis] + 1 - (patchSize[axis] + 1) / 2
            if end == half { end += 1 }
            return min(max(centre[axis], half), end - 1) - half
        }
        return Box3(start: start, size: patchSize)
    }
}
