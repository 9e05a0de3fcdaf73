internal import SegCore

/// What was done to a scan's grid on the way to the network, kept to bring predictions back.
///
/// Steps come in MONAI's order: `Orientation`, `Spacing`, then crops and pads in any number.
public struct SpatialRecord: Hashable, Sendable {
    /// The scan as read.
    public let scanSize: Size3
    /// The scan as read: voxel index → RAS+ mm.
    public let scanAffine: Affine
    /// Axes of the oriented grid.
    public internal(set) var permutation = AxisPermutation.identity
    /// Spaced voxel → oriented voxel, nil where nothing was resampled.
    public internal(set) var resampling: GridMap?
    /// The part of the spaced grid that the network sees; what lies outside is 0 after restoring.
    public internal(set) var kept: Box3
    /// The spaced grid's box that is the network's volume, padding included.
    public internal(set) var networkBox: Box3
    var spacedAffine: Affine
    var isBoxed = false

    /// A record of a scan to which nothing was done yet.
    public init(of scan: Volume) { self.init(scanSize: scan.size, scanAffine: scan.affine) }

    /// A record of a grid to which nothing was done yet.
    public init(scanSize: Size3, scanAffine: Affine) {
        self.scanSize = scanSize
        self.scanAffine = scanAffine
        kept = Box3(of: scanSize)
        networkBox = Box3(of: scanSize)
        spacedAffine = scanAffine
    }

    /// Extents of the volume that the network sees.
    public var networkSize: Size3 { networkBox.size }
    /// Network voxel index → RAS+ mm.
    public var networkAffine: Affine { spacedAffine.shifted(by: networkBox.start) }
    /// Extents after orientation.
    public var orientedSize: Size3 { permutation.size(of: scanSize) }
    /// Extents after orientation and spacing.
    public var spacedSize: Size3 { resampling?.destinationSize ?? orientedSize }

    /// Scan voxel index → network voxel index, not rounded and not clamped.
    public var networkFromScan: Affine {
        let orientedFromScan = permutation.inverse.indexMap(from: orientedSize)
        let spacedFromOriented = resampling?.reversed.matrix ?? .identity
        var shift = Affine.identity
        for axis in 0..<3 { shift[axis, 3] = -Double(networkBox.start[axis]) }
        return shift * spacedFromOriented * orientedFromScan
    }

    mutating func orient(by permutation: AxisPermutation, to volume: Volume) throws(DataError) {
        guard self.permutation == .identity, resampling == nil, !isBoxed else { throw Self.order("Orientation") }
        self.permutation = permutation
        restart(volume)
    }

    mutating func resample(by map: GridMap?, to volume: Volume) throws(DataError) {
        guard resampling == nil, !isBoxed else { throw Self.order("Spacing") }
        resampling = map
        restart(volume)
    }

    /// Notes that the network's volume is now a box of what it was.
    mutating func cut(_ box: Box3) {
        isBoxed = true
        let start = (0..<3).map { networkBox.start[$0] + box.start[$0] }
        networkBox = Box3(start: start, size: box.size)
        kept = kept.intersection(networkBox)
    }

    private mutating func restart(_ volume: Volume) {
        kept = Box3(of: volume.size)
        networkBox = kept
        spacedAffine = volume.affine
    }

    private static func order(_ name: String) -> DataError {
        DataError(
            .badArgument, name, "must come in the order Orientation, Spacing, crop or pad, each of the first two once.")
    }
}
