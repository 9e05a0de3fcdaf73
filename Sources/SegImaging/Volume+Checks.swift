public import SegCore

extension Volume {
    /// The number of voxels that are NaN or infinite.
    public var nonFiniteCount: Int {
        let row = size.h * size.w
        var counts = [Int](repeating: 0, count: size.d)
        counts.withUnsafeMutableBufferPointer { counts in
            nonisolated(unsafe) let counts = counts
            concurrently(size.d) { rows in
                for i in rows { counts[i] = voxels[i * row..<(i + 1) * row].count(where: { !$0.isFinite }) }
            }
        }
        return counts.reduce(0, +)
    }

    /// Checks that a label map is on its image's grid.
    ///
    /// - Throws: `DataError` naming the label's file if the sizes differ, or if the two affines place a corner more
    ///   than half a voxel apart.
    public func checkMatches(label: Volume, imageName: String, labelName: String) throws(DataError) {
        guard size == label.size else {
            throw DataError(
                .badData, labelName,
                "has \(label.size) voxels, but \(imageName) has \(size); the two should be on the same grid."
            )
        }
        if let apart = affine.distance(to: label.affine, size: size) {
            throw DataError(
                .badData, labelName,
                "lies \((apart * 100).rounded() / 100) mm off \(imageName) at a corner; "
                    + "the two affines must agree. Resample it to the grid of \(imageName), or repair its header.")
        }
    }

    /// The largest distance in mm, along one world axis, between a corner of this volume and the corner of a label map of
    /// the same size; nil up to a twentieth of a voxel's edge.
    ///
    /// An edge that a header rounds to four digits, as 0.7031 mm, moves the last of 512 voxels by a fiftieth of an edge.
    package func offset(of label: Volume) -> Double? {
        let apart = affine.cornerDistance(to: label.affine, size: size)
        return apart <= (spacing.min() ?? 1) / 20 ? nil : apart
    }

    /// The lengths in mm of a voxel's edges.
    public var spacing: [Double] { affine.spacing }
}

extension Affine {
    /// Whether another affine is equal except for rounding, as in NumPy's `allclose`.
    func isClose(to other: Affine) -> Bool {
        zip(elements, other.elements).allSatisfy { abs($0 - $1) <= 1e-8 + 1e-5 * abs($1) }
    }

    /// The largest distance in mm, along one world axis, between a corner's position by this affine and its position by
    /// another; nil if all corners are within half a voxel.
    package func distance(to other: Affine, size: Triple) -> Double? {
        let apart = cornerDistance(to: other, size: size)
        return apart <= (spacing.min() ?? 1) / 2 ? nil : apart
    }

    /// The largest distance in mm, along one world axis, between a corner's position by this affine and its position by
    /// another.
    fileprivate func cornerDistance(to other: Affine, size: Triple) -> Double {
        (0..<8).map { corner in
            let at = (0..<3).map { corner & (4 >> $0) == 0 ? 0 : Double(size[$0] - 1) }
            let (a, b) = (self(at[0], at[1], at[2]), other(at[0], at[1], at[2]))
            return max(abs(a.x - b.x), abs(a.y - b.y), abs(a.z - b.z))
        }.max() ?? 0
    }
}
