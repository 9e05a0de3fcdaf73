public import SegCore

/// Where the voxels of one grid lie in another: destination voxel index → source voxel index.
public struct GridMap: Hashable, Sendable {
    /// Extents of the grid that is sampled.
    public let sourceSize: Triple
    /// Extents of the grid that is made.
    public let destinationSize: Triple
    /// Destination voxel index → source voxel index.
    public let matrix: Affine
    /// Whether each source coordinate depends on one destination axis only.
    public let isSeparable: Bool
    /// Whether coordinates along an axis are computed in 32 bits, as MONAI does with `dtype=torch.float32`.
    let isSingle: Bool
    private let sourceAffine: Affine
    private let destinationAffine: Affine

    /// Fails where an affine cannot be inverted.
    init?(
        source: (affine: Affine, size: Triple), destination: (affine: Affine, size: Triple), isSingle: Bool = false
    ) {
        guard let matrix = Self.solve(source.affine, destination.affine), destination.affine.inverse != nil else {
            return nil
        }
        self.matrix = matrix
        self.isSingle = isSingle
        (sourceAffine, sourceSize) = source
        (destinationAffine, destinationSize) = destination
        // Off-diagonal rounding that moves no sample by 1e-9 voxel counts as none.
        isSeparable = (0..<3).allSatisfy { row in
            (0..<3).allSatisfy { $0 == row || abs(matrix[row, $0]) * Double(destination.size[$0]) < 1e-9 }
        }
    }

    /// The map the other way: what undoes a resampling.
    public var reversed: GridMap {
        let reversed = GridMap(
            source: (destinationAffine, destinationSize), destination: (sourceAffine, sourceSize), isSingle: isSingle)
        guard let reversed else { preconditionFailure("the map was made between two grids that can be inverted") }
        return reversed
    }

    /// Whether the grids agree to 1e-3 voxel or mm, so that MONAI would not resample.
    var isUnchanged: Bool {
        func close(_ a: Affine, _ b: Affine) -> Bool {
            zip(a.elements, b.elements).allSatisfy { abs($0 - $1) <= 1e-3 + 1e-5 * abs($1) }
        }
        return sourceSize == destinationSize
            && (close(sourceAffine, destinationAffine) || close(matrix, .identity))
    }

    /// source⁻¹ · destination; by plain division where axes are aligned, as elimination does it.
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

    /// For each column its only row that is not 0, nil for oblique affines.
    static func alignedRows(_ affine: Affine) -> [Int]? {
        var rows: [Int] = []
        for column in 0..<3 {
            let filled = (0..<3).filter { affine[$0, column] != 0 }
            guard filled.count == 1, !rows.contains(filled[0]) else { return nil }
            rows.append(filled[0])
        }
        return rows
    }

    /// The source coordinate of each destination index along one axis, clamped to the source.
    ///
    /// Labels at twice the resolution fall halfway between voxels everywhere, and which neighbour MONAI takes there is
    /// decided by the rounding of `affine_grid` and `grid_sample` (align_corners false). Their steps are repeated here,
    /// so that labels agree voxel for voxel. Sheared grids do not come here: their ties fall as rounding has it.
    func coordinates(along axis: Int) -> [Double] {
        isSingle ? steps(along: axis, in: Float.self).map(Double.init) : steps(along: axis, in: Double.self)
    }

    private func steps<Real: BinaryFloatingPoint>(along axis: Int, in type: Real.Type) -> [Real] {
        let (source, count) = (Double(sourceSize[axis]), Double(destinationSize[axis]))
        let (extent, steps) = (Real(source), Real(count))
        let unit = Real(2 / count)
        let edge = Real(2 / source) * Real(matrix[axis, axis])
        let scale = edge * (1 / unit)
        let normalised = Real(2 / source) * Real(matrix[axis, 3]) + Real(1 / source - 1)
        // LAPACK's inverse divides in 32 bits, and multiplies by the reciprocal in 64.
        let back = -Real(1 / count - 1)
        let shift = edge * (isSingle ? back / unit : back * (1 / unit)) + normalised
        return (0..<destinationSize[axis]).map { index in
            let base = Self.symmetricStep(index, of: destinationSize[axis], in: Real.self) * (steps - 1) / steps
            let position = base * scale + shift
            return Swift.min(Swift.max(((position + 1) * extent - 1) / 2, 0), extent - 1)
        }
    }

    /// `torch.linspace(-1, 1, count)[index]`, which counts from the nearer end with fused multiply-adds; 0 for one
    /// step.
    private static func symmetricStep<Real: BinaryFloatingPoint>(
        _ index: Int, of count: Int, in type: Real.Type
    ) -> Real {
        guard count > 1 else { return 0 }
        let step = 2 / Real(count - 1)
        return index < count / 2
            ? (-1 as Real).addingProduct(step, Real(index)) : (1 as Real).addingProduct(-step, Real(count - 1 - index))
    }
}
