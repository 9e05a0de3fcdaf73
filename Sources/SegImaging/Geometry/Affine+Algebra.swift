import Foundation
internal import SegCore

extension Affine {
    /// The composition that applies `right` first, then `left`.
    public static func * (left: Affine, right: Affine) -> Affine {
        var product = Affine(elements: [Double](repeating: 0, count: 16))
        for row in 0..<4 {
            for column in 0..<4 {
                product[row, column] = (0..<4).reduce(0) { $0 + left[row, $1] * right[$1, column] }
            }
        }
        return product
    }

    /// The point to which the affine maps a point.
    public func callAsFunction(_ x: Double, _ y: Double, _ z: Double) -> (x: Double, y: Double, z: Double) {
        (
            self[0, 0] * x + self[0, 1] * y + self[0, 2] * z + self[0, 3],
            self[1, 0] * x + self[1, 1] * y + self[1, 2] * z + self[1, 3],
            self[2, 0] * x + self[2, 1] * y + self[2, 2] * z + self[2, 3]
        )
    }

    /// The inverse by cofactors, nil if the volume of a voxel is 0 or not finite.
    public var inverse: Affine? {
        func cofactor(_ row: Int, _ column: Int) -> Double {
            let (r1, r2, c1, c2) = ((row + 1) % 3, (row + 2) % 3, (column + 1) % 3, (column + 2) % 3)
            return self[r1, c1] * self[r2, c2] - self[r1, c2] * self[r2, c1]
        }
        let determinant = (0..<3).reduce(0) { $0 + self[0, $1] * cofactor(0, $1) }
        let scale = spacing.reduce(1, *)
        guard determinant.isFinite, scale > 0, abs(determinant) > 1e-9 * scale else { return nil }
        var result = Affine.identity
        for row in 0..<3 {
            for column in 0..<3 { result[row, column] = cofactor(column, row) / determinant }
        }
        for row in 0..<3 {
            result[row, 3] = -(0..<3).reduce(0) { $0 + result[row, $1] * self[$1, 3] }
        }
        return result
    }

    /// The affine of a grid of another size with the same outer faces as this grid.
    /// - Parameter alignsCorners: Whether the first and last voxels of an axis keep their positions, instead of its faces.
    func resized(from old: Triple, to new: Triple, alignsCorners: Bool = false) -> Affine {
        var result = self
        var origin = [0.0, 0.0, 0.0]
        for axis in 0..<3 where new[axis] != old[axis] {
            let (count, wanted) = (Double(old[axis]), Double(new[axis]))
            let scale = alignsCorners ? (wanted > 1 ? (count - 1) / (wanted - 1) : 1) : count / wanted
            for row in 0..<3 { result[row, axis] = self[row, axis] * scale }
            origin[axis] = alignsCorners ? 0 : (scale - 1) / 2
        }
        let first = self(origin[0], origin[1], origin[2])
        (result[0, 3], result[1, 3], result[2, 3]) = (first.x, first.y, first.z)
        return result
    }

    /// The range of voxel edges in mm whose products neither overflow nor underflow.
    private static let usableEdges = 1e-100...1e100

    /// The reason why the matrix is not usable; nil if it is usable. The text ends a sentence whose subject is the
    /// matrix.
    package var fault: String? {
        guard elements.allSatisfy(\.isFinite) else { return "contains a number that is not finite" }
        let longest = (0..<3).map { column in (0..<3).map { abs(self[$0, column]) }.max() ?? 0 }
        if let odd = longest.first(where: { $0 > 0 && !Self.usableEdges.contains($0) }) {
            return "has voxel edges of \(odd) mm, which is outside the range of usable lengths"
        }
        return inverse == nil ? "maps voxels onto a plane (determinant 0)" : nil
    }

    /// The largest angle in degrees between a world axis and the voxel axis nearest to it; 0 for axis-aligned scans.
    public var obliqueDegrees: Double {
        let lengths = spacing
        let cosines = (0..<3).map { row in (0..<3).map { abs(self[row, $0]) / lengths[$0] }.max() ?? 1 }
        let smallest = min(cosines.min() ?? 1, 1)
        return acos(smallest) * 180 / Double.pi
    }

    /// Whether two voxel axes are not perpendicular, as after gantry tilt.
    public var isSheared: Bool {
        let lengths = spacing
        return [(0, 1), (0, 2), (1, 2)].contains { a, b in
            let dot = (0..<3).reduce(0) { $0 + self[$1, a] * self[$1, b] }
            return abs(dot) > Self.shearTolerance * lengths[a] * lengths[b]
        }
    }

    /// The cosine between two voxel axes above which the affine counts as sheared; rounding in float32 headers stays
    /// well below.
    private static let shearTolerance = 1e-4
}
