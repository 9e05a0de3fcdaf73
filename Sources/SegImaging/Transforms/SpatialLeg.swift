public import SegCore

/// A stretch of the way from a scan to the network: reorientations, crops and pads in any number, a resampling, then crops
/// and pads again, none of which has to be there.
public struct SpatialLeg: Hashable, Sendable {
    /// Extents of the grid that it begins with.
    public let firstSize: Triple
    /// The grid that it begins with: voxel index → RAS+ mm.
    public let firstAffine: Affine
    /// Axes of the oriented grid.
    public private(set) var permutation = AxisPermutation.identity
    /// The box of the oriented grid that was resampled, padding included; nil where that was all of it.
    private(set) var firstBox: Box3?
    /// Spaced voxel → oriented voxel, counted from the first box, nil where nothing was resampled.
    public private(set) var resampling: GridMap?
    /// The part of the spaced grid that is left; what lies outside is 0 after restoring.
    public private(set) var kept: Box3
    /// The spaced grid's box that the leg ends with, padding included.
    public private(set) var lastBox: Box3
    private var spacedAffine: Affine
    private var isBoxed = false

    /// A grid to which nothing was done yet.
    init(size: Triple, affine: Affine) {
        firstSize = size
        firstAffine = affine
        kept = Box3(of: size)
        lastBox = Box3(of: size)
        spacedAffine = affine
    }

    /// Extents of the grid that it ends with.
    public var lastSize: Triple { lastBox.size }
    /// The grid that it ends with: voxel index → RAS+ mm.
    public var lastAffine: Affine { spacedAffine.shifted(by: lastBox.start) }
    /// Extents after orientation.
    public var orientedSize: Triple { permutation.size(of: firstSize) }
    /// Extents after orientation and spacing.
    public var spacedSize: Triple { resampling?.destinationSize ?? orientedSize }

    /// Takes a reorientation; false where the leg cannot, because a later step is there.
    mutating func orient(by permutation: AxisPermutation, to image: ScanImage) -> Bool {
        guard resampling == nil, !isBoxed else { return false }
        self.permutation = self.permutation.followed(by: permutation)
        restart(image)
        return true
    }

    /// Takes a resampling; false where the leg cannot, because it has one.
    mutating func resample(by map: GridMap, to image: ScanImage) -> Bool {
        guard resampling == nil else { return false }
        if isBoxed { (firstBox, isBoxed) = (lastBox, false) }
        resampling = map
        restart(image)
        return true
    }

    /// Notes that the grid that it ends with is now a box of what it was.
    mutating func cut(_ box: Box3) {
        isBoxed = true
        lastBox = Box3(start: (0..<3).map { lastBox.start[$0] + box.start[$0] }, size: box.size)
        kept = kept.intersection(lastBox)
    }

    private mutating func restart(_ image: ScanImage) {
        kept = Box3(of: image.size)
        lastBox = kept
        spacedAffine = image.affine
    }

    /// A label map of the first grid on the last one, by nearest voxels; padding is 0.
    func follow(_ labels: Volume) -> Volume {
        var labels = permutation.apply(labels)
        if let firstBox { labels = labels.cut(firstBox, fill: 0) }
        if let resampling { labels = labels.resampled(by: resampling, affine: spacedAffine, .nearest) }
        // A crop of the whole would copy it.
        return isBoxed ? labels.cut(lastBox, fill: 0) : labels
    }
}
