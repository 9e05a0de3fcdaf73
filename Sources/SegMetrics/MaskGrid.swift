/// The voxel grid that a prediction and its reference share: size and voxel edges in mm.
///
/// Masks on a grid are `[UInt8]` label maps in C order, axis 2 fastest: the voxel (i, j, k) is at index `(i * size[1] +
/// j) * size[2] + k`.
public struct MaskGrid: Hashable, Sendable {
    /// The number of voxels along axes 0, 1 and 2.
    public let size: [Int]
    /// The voxel edges along axes 0, 1 and 2, in mm.
    public let spacingMM: [Double]
    /// The volume of one voxel, in ml.
    public let voxelVolumeML: Double

    /// Creates a grid from three sizes and three spacings in mm; there is no default spacing.
    /// - Parameter voxelVolumeML: The volume of one voxel in ml, from the determinant of the affine. It is less than
    ///   the product of the spacings if a gantry tilt shears the grid. Nil if the axes are perpendicular.
    /// - Throws: `MetricsError.invalidGrid` unless there are three of each, all positive and finite, and the volume is
    ///   positive and no larger than the product of the spacings.
    public init(size: [Int], spacingMM: [Double], voxelVolumeML: Double? = nil) throws {
        guard size.count == 3, size.allSatisfy({ $0 > 0 }) else {
            throw MetricsError.invalidGrid("The size of a mask grid should be three positive integers, not \(size).")
        }
        guard spacingMM.count == 3, spacingMM.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw MetricsError.invalidGrid(
                "The spacing of a mask grid should be three positive lengths in mm, not \(spacingMM); read it from the affine."
            )
        }
        let box = spacingMM.reduce(1, *) / 1000
        let volume = voxelVolumeML ?? box
        guard volume > 0, volume <= box * (1 + 1e-6) else {
            throw MetricsError.invalidGrid(
                "A voxel of \(spacingMM) mm should have a volume above 0 and at most \(box) ml, not \(volume) ml.")
        }
        self.size = size
        self.spacingMM = spacingMM
        self.voxelVolumeML = volume
    }

    /// The number of voxels.
    public var count: Int { size[0] * size[1] * size[2] }

    func check(_ mask: [UInt8], _ name: String) throws {
        guard mask.count == count else {
            throw MetricsError.voxelCount(mask: name, expected: count, got: mask.count)
        }
    }
}
