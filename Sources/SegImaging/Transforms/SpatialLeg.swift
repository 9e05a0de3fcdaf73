public import SegCore

/// A part of the transform from a scan to the network's grid: any number of reorientations, then any number of crops
/// and pads, then one resampling, then crops and pads again; all of them are optional.
public struct SpatialLeg: Hashable, Sendable {
    /// The size of the first grid.
    public let firstSize: Triple
    /// The affine of the first grid from voxel index to RAS+ mm.
    public let firstAffine: Affine
    /// The permutation of the axes from the first grid to the oriented grid.
    public private(set) var permutation = AxisPermutation.identity
    /// The box of the oriented grid that was resampled, padding included; nil if the whole grid was.
    private(set) var firstBox: Box3?
    /// The map from spaced voxel to oriented voxel, relative to the first box; nil if nothing was resampled.
    public private(set) var resampling: GridMap?
    /// The part of the spaced grid that is kept; voxels outside it are 0 after restoring.
    public private(set) var kept: Box3
    /// The box of the spaced grid that is the last grid, padding included.
    public private(set) var lastBox: Box3
    private var spacedAffine: Affine
    private var isBoxed = false

    /// Creates a leg without any change of the grid.
    init(size: Triple, affine: Affine) {
        firstSize = size
        firstAffine = affine
        kept = Box3(of: size)
        lastBox = Box3(of: size)
        spacedAffine = affine
    }

    /// The size of the last grid.
    public var lastSize: Triple { lastBox.size }
    /// The affine of the last grid from voxel index to RAS+ mm.
    public var lastAffine: Affine { spacedAffine.shifted(by: lastBox.start) }
    /// The size after orientation.
    public var orientedSize: Triple { permutation.size(of: firstSize) }
    /// The size after orientation and spacing.
    public var spacedSize: Triple { resampling?.destinationSize ?? orientedSize }

    /// Adds a reorientation; returns false if the leg already has a later step.
    mutating func orient(by permutation: AxisPermutation, to image: ScanImage) -> Bool {
        guard resampling == nil, !isBoxed else { return false }
        self.permutation = self.permutation.followed(by: permutation)
        restart(image)
        return true
    }

    /// Adds a resampling; returns false if the leg already has one.
    mutating func resample(by map: GridMap, to image: ScanImage) -> Bool {
        guard resampling == nil else { return false }
        if isBoxed { (firstBox, isBoxed) = (lastBox, false) }
        resampling = map
        restart(image)
        return true
    }

    /// Records that the last grid is cropped or padded to a box of itself.
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

    /// A label map of the first grid transformed to the last grid, by nearest voxels; padding is 0.
    func follow(_ labels: Volume) -> Volume {
        var labels = permutation.apply(labels)
        if let firstBox { labels = labels.cut(firstBox, fill: 0) }
        if let resampling { labels = labels.resampled(by: resampling, affine: spacedAffine, .nearest) }
        // Without a crop or pad the labels are not copied.
        return isBoxed ? labels.cut(lastBox, fill: 0) : labels
    }
}
