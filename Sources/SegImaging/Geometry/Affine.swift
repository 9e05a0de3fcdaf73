/// A 4×4 voxel-to-world matrix in Double, row-major, last row 0 0 0 1.
public struct Affine: Hashable, Sendable {
    /// The sixteen entries by rows.
    public var elements: [Double]

    /// Makes an affine from its sixteen entries by rows.
    public init(elements: [Double]) {
        precondition(elements.count == 16, "an affine has 16 entries")
        self.elements = elements
    }

    /// Voxel (0,0,0) at the origin, 1 mm voxels, RAS.
    public static let identity = Affine(elements: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])

    /// The entry at a row and column.
    public subscript(row: Int, column: Int) -> Double {
        get { elements[row * 4 + column] }
        set { elements[row * 4 + column] = newValue }
    }

    /// Length in mm of a voxel's edge along each axis: the norms of the first three columns.
    public var spacing: [Double] {
        (0..<3).map { column in
            (0..<3).map { self[$0, column] * self[$0, column] }.reduce(0, +).squareRoot()
        }
    }
}
