/// Voxel counts along the three axes of a volume; axis 0 is slowest in memory.
public struct Size3: Hashable, Sendable {
    /// Extent along axis 0 (the scan's i axis).
    public var i: Int
    /// Extent along axis 1.
    public var j: Int
    /// Extent along axis 2, contiguous in memory.
    public var k: Int

    /// Makes a size from three extents.
    public init(_ i: Int, _ j: Int, _ k: Int) {
        self.i = i
        self.j = j
        self.k = k
    }

    /// Number of voxels.
    public var count: Int { i * j * k }

    /// The extent of axis 0, 1 or 2.
    public subscript(axis: Int) -> Int {
        get { axis == 0 ? i : axis == 1 ? j : k }
        set {
            switch axis {
            case 0: i = newValue
            case 1: j = newValue
            default: k = newValue
            }
        }
    }
}

extension Size3: CustomStringConvertible {
    /// `164 x 166 x 26`.
    public var description: String { "\(i) x \(j) x \(k)" }
}

/// A scalar 3-D image and where its voxels lie in the patient.
///
/// Voxels are in C order, axis 2 fastest, as in a MONAI array without its channel axis: the voxel (i, j, k) is
/// `voxels[(i * size.j + j) * size.k + k]`. The affine takes voxel indices to RAS+ millimetres, as NIfTI and
/// NiBabel do.
public struct Volume: Sendable {
    /// Intensities or labels, `size.count` of them.
    public var voxels: [Float]
    /// Extents.
    public var size: Size3
    /// Voxel index → RAS+ mm.
    public var affine: Affine

    /// Makes a volume; the number of voxels must be `size.count`.
    public init(voxels: [Float], size: Size3, affine: Affine) {
        precondition(voxels.count == size.count, "a volume of \(size) needs \(size.count) voxels, not \(voxels.count)")
        self.voxels = voxels
        self.size = size
        self.affine = affine
    }

    /// The voxel at an index.
    @inlinable public subscript(i: Int, j: Int, k: Int) -> Float {
        get { voxels[(i * size.j + j) * size.k + k] }
        set { voxels[(i * size.j + j) * size.k + k] = newValue }
    }
}
