public import SegCore

/// The map from one grid to another: from destination voxel index to source voxel index.
public struct GridMap: Hashable, Sendable {
    /// The size of the grid that is sampled.
    public let sourceSize: Triple
    /// The size of the resulting grid.
    public let destinationSize: Triple
    /// The affine from destination voxel index to source voxel index.
    public let matrix: Affine
    /// Whether each source coordinate depends on one destination axis only.
    public let isSeparable: Bool
    /// The sampling of the source.
    let sampling: GridSampling
    private let sourceAffine: Affine
    private let destinationAffine: Affine

    /// Creates a map; nil if an affine cannot be inverted.
    init?(
        source: (affine: Affine, size: Triple), destination: (affine: Affine, size: Triple),
        _ sampling: GridSampling = GridSampling()
    ) {
        guard let matrix = Self.solve(source.affine, destination.affine), destination.affine.inverse != nil else {
            return nil
        }
        self.matrix = matrix
        self.sampling = sampling
        (sourceAffine, sourceSize) = source
        (destinationAffine, destinationSize) = destination
        switch sampling.rule {
        case .affine:
            // Off-diagonal rounding that moves every sample by less than 1e-9 voxel is ignored.
            isSeparable = (0..<3).allSatisfy { row in
                (0..<3).allSatisfy { $0 == row || abs(matrix[row, $0]) * Double(destination.size[$0]) < 1e-9 }
            }
        case .resize, .centres: isSeparable = true
        }
    }

    /// The map in the opposite direction, which undoes a resampling.
    public var reversed: GridMap {
        let reversed = GridMap(
            source: (destinationAffine, destinationSize), destination: (sourceAffine, sourceSize), sampling)
        guard let reversed else { preconditionFailure("the map was made between two grids that can be inverted") }
        return reversed
    }

    /// Whether the grids agree to 1e-3 voxel or mm; MONAI does not resample such a grid.
    var isUnchanged: Bool {
        func close(_ a: Affine, _ b: Affine) -> Bool {
            zip(a.elements, b.elements).allSatisfy { abs($0 - $1) <= 1e-3 + 1e-5 * abs($1) }
        }
        return sourceSize == destinationSize
            && (close(sourceAffine, destinationAffine) || close(matrix, .identity))
    }

    /// The product source⁻¹ · destination by Gaussian elimination, `numpy.linalg.solve`; nil if source cannot be inverted.
    static func solve(_ source: Affine, _ destination: Affine) -> Affine? {
        guard source.inverse != nil else { return nil }
        guard let rows = alignedRows(source), rows == alignedRows(destination) else {
            return eliminated(source, destination)
        }
        // The same by plain divisions.
        var matrix = Affine.identity
        for axis in 0..<3 {
            let (row, edge) = (rows[axis], source[rows[axis], axis])
            matrix[axis, axis] = destination[row, axis] / edge
            matrix[axis, 3] = (destination[row, 3] - source[row, 3]) / edge
        }
        return matrix
    }

    /// The solution X of source · X = destination by elimination with the largest pivot of each column.
    private static func eliminated(_ source: Affine, _ destination: Affine) -> Affine {
        var (left, right) = (source, destination)
        for column in 0..<3 {
            let pivot = (column..<3).max { abs(left[$0, column]) < abs(left[$1, column]) } ?? column
            if pivot != column {
                for at in 0..<4 {
                    (left[column, at], left[pivot, at]) = (left[pivot, at], left[column, at])
                    (right[column, at], right[pivot, at]) = (right[pivot, at], right[column, at])
                }
            }
            for row in (column + 1)..<4 {
                let factor = left[row, column] / left[column, column]
                for at in 0..<4 {
                    left[row, at] -= factor * left[column, at]
                    right[row, at] -= factor * right[column, at]
                }
            }
        }
        for row in (0..<3).reversed() {
            for at in 0..<4 {
                for later in (row + 1)..<4 { right[row, at] -= left[row, later] * right[later, at] }
                right[row, at] /= left[row, row]
            }
        }
        return right
    }

    /// For each column the index of its only entry that is not 0; nil for oblique affines.
    static func alignedRows(_ affine: Affine) -> [Int]? {
        var rows: [Int] = []
        for column in 0..<3 {
            let filled = (0..<3).filter { affine[$0, column] != 0 }
            guard filled.count == 1, !rows.contains(filled[0]) else { return nil }
            rows.append(filled[0])
        }
        return rows
    }

    /// The source coordinate of each destination index along one axis, clamped to the source unless the padding is
    /// zeros.
    ///
    /// Only for separable maps; `ObliqueCoordinates` has the coordinates of the others.
    func coordinates(along axis: Int, _ interpolation: Interpolation) -> [Double] {
        sampling.coordinates(
            along: axis, from: sourceSize[axis], to: destinationSize[axis], scale: matrix[axis, axis],
            origin: matrix[axis, 3],
            interpolation)
    }
}
