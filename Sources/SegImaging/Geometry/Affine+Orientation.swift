extension Affine {
    /// For each voxel axis the nearest world axis (0 R, 1 A, 2 S) and whether the two have opposite directions.
    ///
    /// As in NiBabel's `io_orientation`, axes are matched by the rotation nearest to the affine, the strongest axis
    /// first.
    public var orientation: [(world: Int, flipped: Bool)] {
        var rotation = nearestRotation
        let strength = (0..<3).map { axis in (0..<3).map { rotation[$0][axis] * rotation[$0][axis] }.max() ?? 0 }
        let order = (0..<3).sorted { strength[$0] != strength[$1] ? strength[$0] > strength[$1] : $0 < $1 }
        var result = [(world: Int, flipped: Bool)](repeating: (0, false), count: 3)
        for axis in order {
            var world = 0
            for row in 1..<3 where abs(rotation[row][axis]) > abs(rotation[world][axis]) { world = row }
            result[axis] = (world, rotation[world][axis] < 0)
            rotation[world] = [0, 0, 0]
        }
        return result
    }

    /// The axis codes, such as `RAS` or `LIA`; NiBabel's `aff2axcodes`.
    public var axisCodes: String {
        let positive: [Character] = ["R", "A", "S"]
        let negative: [Character] = ["L", "P", "I"]
        return String(orientation.map { $0.flipped ? negative[$0.world] : positive[$0.world] })
    }

    /// The orthogonal polar factor of the columns normalised to length 1, as rows.
    private var nearestRotation: [[Double]] {
        let lengths = spacing
        let columns = (0..<3).map { column in
            (0..<3).map { self[$0, column] / (lengths[column] == 0 ? 1 : lengths[column]) }
        }
        // A is the matrix of the columns, and AᵀA = V S² Vᵀ. The polar factor is the sum of (A v / s) vᵀ over the
        // eigenvectors v; s is the square root of the eigenvalue.
        let gram = (0..<3).map { a in (0..<3).map { b in (0..<3).reduce(0) { $0 + columns[a][$1] * columns[b][$1] } } }
        let (values, vectors) = Self.symmetricEigen(gram)
        var rotation = [[Double]](repeating: [0, 0, 0], count: 3)
        let largest = values.max() ?? 0
        for (value, vector) in zip(values, vectors) where value > largest * 1e-14 {
            let singular = value.squareRoot()
            for row in 0..<3 {
                let image = (0..<3).reduce(0) { $0 + columns[$1][row] * vector[$1] } / singular
                for column in 0..<3 { rotation[row][column] += image * vector[column] }
            }
        }
        return rotation
    }

    /// The eigenvalues and unit eigenvectors of a symmetric 3×3 matrix, by Jacobi rotations.
    private static func symmetricEigen(_ matrix: [[Double]]) -> (values: [Double], vectors: [[Double]]) {
        var a = matrix
        var v: [[Double]] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
        for _ in 0..<50 {
            for (p, q) in [(0, 1), (0, 2), (1, 2)] where abs(a[p][q]) > 1e-300 {
                let theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
                let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
                let c = 1 / (t * t + 1).squareRoot()
                let s = t * c
                for k in 0..<3 { (a[k][p], a[k][q]) = (c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]) }
                for k in 0..<3 { (a[p][k], a[q][k]) = (c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]) }
                for k in 0..<3 { (v[k][p], v[k][q]) = (c * v[k][p] - s * v[k][q], s * v[k][p] + c * v[k][q]) }
            }
            if abs(a[0][1]) + abs(a[0][2]) + abs(a[1][2]) < 1e-18 { break }
        }
        return ((0..<3).map { a[$0][$0] }, (0..<3).map { axis in (0..<3).map { v[$0][axis] } })
    }
}
