public import SegCore

/// Draws the positions of patches in a scan. The initializer counts the scan's foreground and background voxels once.
///
/// `draw(_:)` follows MONAI's `RandCropByPosNegLabel`: foreground is chosen with probability pos / (pos + neg), else
/// background. A voxel of the chosen kind is drawn as the centre, and the patch is moved so that it lies within the
/// volume. `draw(forcingForeground:_:)` follows nnU-Net's oversampling: a patch is either forced onto a voxel of one of
/// the scan's classes or lies anywhere.
public struct CropSampler: Sendable {
    /// The size of the volume.
    public let size: Triple
    /// The size of a patch.
    public let patchSize: Triple
    /// The probability that a patch is centred on foreground; 0 or 1 if the volume has only one kind of voxel.
    public let positiveRatio: Double
    /// A warning if the volume has only one kind of voxel, else nil; worth showing once per case.
    public let warning: String?
    /// The classes of the scan in ascending order, without the background and without ignored voxels.
    public let presentClasses: [UInt8]
    private let foreground: VoxelRows
    private let background: VoxelRows
    private let classes: [VoxelRows]
    /// The voxels that are not ignored, nil if the scan has no ignored voxels.
    private let annotated: VoxelRows?

    /// The options for drawing patches.
    public struct Options: Hashable, Sendable {
        /// The size of a patch; 0 or less means the size of the volume along that axis.
        public var patchSize: Triple
        /// The weight of foreground centres.
        public var positive: Double
        /// The weight of background centres.
        public var negative: Double
        /// The intensity above which a voxel of class 0 may be a background centre.
        public var imageThreshold: Float

        /// Creates options from the patch size, both weights and the threshold.
        public init(patchSize: Triple, positive: Double, negative: Double, imageThreshold: Float) {
            self.patchSize = patchSize
            self.positive = positive
            self.negative = negative
            self.imageThreshold = imageThreshold
        }
    }

    /// The drawn position of a patch: the index of its central voxel among all voxels of one kind, or its first corner.
    public struct Placement: Hashable, Sendable {
        fileprivate enum Rule: Hashable, Sendable {
            case foreground(Int)
            case background(Int)
            case classNumber(Int, Int)
            case annotated(Int)
            case corner([Int])
        }
        fileprivate let rule: Rule
    }

    /// Counts the foreground, background and class voxels of a scan.
    ///
    /// `name` is the name of the case, for errors.
    ///
    /// - Throws: `DataError` if the patch is larger than the volume, the weights are negative or both 0, no voxel
    ///   qualifies or the voxels can no longer be read.
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
                "no voxel can be the centre of a patch: "
                    + "no voxel has a foreground label, and no background voxel is above "
                    + "\(options.imageThreshold). Check the intensity window or leave the case out.")
        }
        let all = try scan.presentClasses
        annotated = all.contains(LabelScheme.ignoredClass) ? try VoxelRows(.annotated, of: scan) : nil
        let present = all.filter { $0 != 0 && $0 != LabelScheme.ignoredClass }
        var classes: [VoxelRows] = []
        for label in present {
            classes.append(present.count == 1 ? foreground : try VoxelRows(.label(label), of: scan))
        }
        self.classes = classes
        presentClasses = present
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

    /// The number of foreground voxels.
    public var foregroundCount: Int { foreground.count }
    /// The number of background voxels.
    public var backgroundCount: Int { background.count }

    private static func fit(_ patch: Triple, in size: Triple, name: String) throws(DataError) -> Triple {
        var result = patch
        for axis in 0..<3 where patch[axis] <= 0 { result[axis] = size[axis] }
        guard (0..<3).allSatisfy({ result[$0] <= size[$0] }) else {
            throw DataError(
                .badData, name,
                "a patch of \(result) does not fit into the volume of \(size); "
                    + "pad the volume with SpatialPad or choose smaller patches."
            )
        }
        guard size.count <= Int(UInt32.max) else {
            throw DataError(.badData, name, "a volume of \(size) is too large to draw patches from; crop it first.")
        }
        return result
    }
}

extension CropSampler {
    /// Draws the position of the next patch: `rand()` picks the kind of voxel, `randint` the voxel.
    public func draw(_ random: inout NumPyRandomState) -> Placement {
        if random.rand() < positiveRatio {
            Placement(rule: .foreground(random.randint(foreground.count)))
        } else {
            Placement(rule: .background(random.randint(background.count)))
        }
    }

    /// Draws the position of the next patch by oversampling. If `isForced` is true and the scan has a foreground class,
    /// first a class is drawn and then a voxel of the class as the centre. Otherwise the patch lies anywhere, or is
    /// centred on a voxel that is not ignored if the scan has ignored voxels.
    public func draw(forcingForeground isForced: Bool, _ random: inout NumPyRandomState) -> Placement {
        guard isForced, !classes.isEmpty else {
            if let annotated { return Placement(rule: .annotated(random.randint(annotated.count))) }
            return Placement(rule: .corner((0..<3).map { random.randint(size[$0] - patchSize[$0] + 1) }))
        }
        let index = random.randint(classes.count)
        return Placement(rule: .classNumber(index, random.randint(classes[index].count)))
    }

    /// The box of a placement in the scan from which the sampler was made.
    /// - Throws: `DataError` if the voxels can no longer be read.
    public func box(_ place: Placement, in scan: LabelledScan) throws(DataError) -> Box3 {
        precondition(scan.size == size, "the scan does not have the size of the sampler's scan")
        switch place.rule {
        case .foreground(let n): return box(centre: try foreground.voxel(n, in: scan))
        case .background(let n): return box(centre: try background.voxel(n, in: scan))
        case .classNumber(let index, let n): return box(centre: try classes[index].voxel(n, in: scan))
        case .annotated(let n):
            guard let annotated else { preconditionFailure("the placement belongs to another sampler") }
            return box(centre: try annotated.voxel(n, in: scan))
        case .corner(let start): return Box3(start: start, size: patchSize)
        }
    }

    private func box(centre: [Int]) -> Box3 {
        let start = (0..<3).map { axis in
            let half = patchSize[axis] / 2
            // The first centre at which the patch no longer fits, as in MONAI. MONAI also widens an empty range by 1.
            var end = size[axis] + 1 - (patchSize[axis] + 1) / 2
            if end == half { end += 1 }
            return min(max(centre[axis], half), end - 1) - half
        }
        return Box3(start: start, size: patchSize)
    }
}
