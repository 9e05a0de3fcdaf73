public import SegCore

extension Volume {
    /// Number of voxels that are NaN or infinite.
    public var nonFiniteCount: Int {
        let row = size.j * size.k
        var counts = [Int](repeating: 0, count: size.i)
        counts.withUnsafeMutableBufferPointer { counts in
            nonisolated(unsafe) let counts = counts
            concurrently(size.i) { rows in
                for i in rows { counts[i] = voxels[i * row..<(i + 1) * row].count(where: { !$0.isFinite }) }
            }
        }
        return counts.reduce(0, +)
    }

    /// Checks that a label lies on its image's grid.
    ///
    /// - Throws: `DataError` naming the label's file where the extents differ or the affines put a corner more than
    ///   half a voxel apart.
    public func checkMatches(label: Volume, imageName: String, labelName: String) throws(DataError) {
        guard size == label.size else {
            throw DataError(
                .badData, labelName,
                "is \(label.size) voxels, \(imageName) is \(size); the two should lie on the same grid."
            )
        }
        let tolerance = (spacing.min() ?? 1) / 2
        for corner in 0..<8 {
            let index = (0..<3).map { corner & (4 >> $0) == 0 ? 0 : Double(size[$0] - 1) }
            let (a, b) = (affine(index[0], index[1], index[2]), label.affine(index[0], index[1], index[2]))
            let apart = max(abs(a.x - b.x), abs(a.y - b.y), abs(a.z - b.z))
            guard apart <= tolerance else {
                throw DataError(
                    .badData, labelName,
                    "lies \((apart * 100).rounded() / 100) mm off \(imageName) at a corner; "
                        + "the two affines must agree. Resample it to the other's grid or repair its header.")
            }
        }
    }

    /// Length in mm of a voxel's edges.
    public var spacing: [Double] { affine.spacing }
}
