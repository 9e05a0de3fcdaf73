public import SegCore

/// A scalar 3-D image and the position of its voxels in the patient.
///
/// Voxels are in C order, axis 2 fastest, as in a MONAI array without its channel axis: the voxel (i, j, k) is
/// `voxels[(i * size.h + j) * size.w + k]`. The affine maps voxel indices to RAS+ millimetres, as in NIfTI and NiBabel.
public struct Volume: Sendable {
    /// Intensities or labels, `size.count` of them.
    public var voxels: [Float]
    /// The size in voxels.
    public var size: Triple
    /// The affine from voxel index to RAS+ mm.
    public var affine: Affine

    /// Creates a volume; the number of voxels must be `size.count`.
    public init(voxels: [Float], size: Triple, affine: Affine) {
        precondition(voxels.count == size.count, "a volume of \(size) needs \(size.count) voxels, not \(voxels.count)")
        self.voxels = voxels
        self.size = size
        self.affine = affine
    }

    /// The voxel at an index.
    @inlinable public subscript(i: Int, j: Int, k: Int) -> Float {
        get { voxels[(i * size.h + j) * size.w + k] }
        set { voxels[(i * size.h + j) * size.w + k] = newValue }
    }
}
