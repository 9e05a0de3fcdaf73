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
        // Off-diagonal rounding that moves every sample by less than this many voxels is ignored. With coordinates of 32 bits,
        // the rounding of an oblique header, whose numbers have 32 bits, is hardly larger than that of the coordinates.
        let tolerance = sampling.rule == .affine(isSingle: true) ? 1e-5 : 1e-9
        isSeparable = (0..<3).allSatisfy { row in
            (0..<3).allSatisfy { $0 == row || abs(matrix[row, $0]) * Double(destination.size[$0]) < tolerance }
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

    /// The product source⁻¹ · destination; by plain division if the axes are aligned, as in Gaussian elimination.
    static func solve(_ source: Affine, _ destination: Affine) -> Affine? {
        guard let inverse = source.inverse else { return nil }
        guard let rows = alignedRows(source), rows == alignedRows(destination) else { return inverse * destination }
        var matrix = Affine.identity
        for axis in 0..<3 {
            let (row, edge) = (rows[axis], source[rows[axis], axis])
            matrix[axis, axis] = destination[row, axis] / edge
            matrix[axis, 3] = (destination[row, 3] - source[row, 3]) / edge
        }
        return matrix
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
    /// Only for separable maps. For other maps, `matrix` gives every coordinate, and its rounding decides which voxel
    /// is nearest if a coordinate is halfway between two.
    func coordinates(along axis: Int, _ interpolation: Interpolation) -> [Double] {
        sampling.coordinates(
            along: axis, from: sourceSize[axis], to: destinationSize[axis], scale: matrix[axis, axis],
            origin: matrix[axis, 3],
            interpolation)
    }
}
