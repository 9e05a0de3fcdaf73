public import SegCore

extension NIfTIHeader {
    /// How far b² + c² + d² may exceed 1 by rounding of stored quaternions.
    private static let quaternionTolerance = 1e-6

    /// Voxel index → RAS+ mm: the sform if its code is above 0, else the qform, else from `pixdim`, as NiBabel does.
    ///
    /// - Throws: `DataError` where the chosen form is not finite, not invertible or no rotation.
    public func affine(path: String) throws(DataError) -> Affine {
        let (affine, source) =
            sformCode > 0
            ? (sform, "sform") : qformCode > 0 ? (try qform(path: path), "qform") : (pixdimAffine, "pixdim")
        guard affine.elements.allSatisfy(\.isFinite) else {
            throw DataError(.badData, path, "the \(source) holds a number that is not finite; repair the header.")
        }
        guard affine.inverse != nil else {
            throw DataError(
                .badData, path, "the \(source) maps voxels onto a plane (determinant 0); repair the header's affine.")
        }
        return affine
    }

    /// The three stored rows.
    private var sform: Affine { Affine(elements: srow.flatMap { $0 } + [0, 0, 0, 1]) }

    /// Voxel sizes with the repairs NiBabel makes on loading: no sign, 1 for 0.
    private var voxelSizes: [Double] { pixdim[1...3].map { $0 == 0 ? 1 : abs($0) } }

    /// Rotation by the unit quaternion (a, b, c, d), columns scaled, third column signed by qfac.
    private func qform(path: String) throws(DataError) -> Affine {
        let (b, c, d) = (quatern[0], quatern[1], quatern[2])
        let a2 = 1 - (b * b + c * c + d * d)
        guard a2 >= -Self.quaternionTolerance else {
            throw DataError(
                .badData, path,
                "the qform's quaternion (\(b), \(c), \(d)) is longer than 1, so it is no rotation; repair the header.")
        }
        // NiBabel's threshold: three units in the last place of the stored type count as zero.
        let zero = 3 * (version == 1 ? Double(Float.ulpOfOne) : Double.ulpOfOne)
        let a = a2 < zero ? 0 : a2.squareRoot()
        let s = 2 / (a * a + b * b + c * c + d * d)
        let rotation = [
            1 - s * (c * c + d * d), s * (b * c - a * d), s * (b * d + a * c),
            s * (b * c + a * d), 1 - s * (b * b + d * d), s * (c * d - a * b),
            s * (b * d - a * c), s * (c * d + a * b), 1 - s * (b * b + c * c),
        ]
        let qfac: Double = pixdim[0] == -1 ? -1 : 1
        let sizes = voxelSizes
        var affine = Affine.identity
        for row in 0..<3 {
            for column in 0..<3 {
                affine[row, column] = rotation[row * 3 + column] * sizes[column] * (column == 2 ? qfac : 1)
            }
            affine[row, 3] = qoffset[row]
        }
        return affine
    }

    /// Neither form is coded: axis 0 runs to the left and the origin is the volume's centre.
    private var pixdimAffine: Affine {
        var affine = Affine.identity
        for axis in 0..<3 {
            let used = axis < dim[0]
            let size = (used ? voxelSizes[axis] : 1) * (axis == 0 ? -1 : 1)
            affine[axis, axis] = size
            affine[axis, 3] = -Double((used ? dim[axis + 1] : 1) - 1) / 2 * size
        }
        return affine
    }
}
