/// A 4×4 voxel-to-world matrix in Double, row-major, last row 0 0 0 1.
public struct Affine: Hashable, Sendable {
    /// The sixteen entries in row-major order.
    public var elements: [Double]

    /// Creates an affine from its sixteen entries in row-major order.
    public init(elements: [Double]) {
        precondition(elements.count == 16, "an affine has 16 entries")
        self.elements = elements
    }

    /// The affine with voxel (0,0,0) at the origin and 1 mm voxels in RAS.
    public static let identity = Affine(elements: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])

    /// The affine with its lengths in another unit: every entry above the last row is multiplied by a factor.
    func scaled(by factor: Double) -> Affine {
        factor == 1
            ? self : Affine(elements: elements.enumerated().map { $0.offset < 12 ? $0.element * factor : $0.element })
    }

    /// Creates an affine from the steps along the axes and the centre of the first voxel. The default signs convert the
    /// axes of ITK and DICOM (LPS) to RAS.
    init(steps: [[Double]], origin: [Double], signs: [Double] = [-1, -1, 1]) {
        self = .identity
        for row in 0..<3 {
            // Adding 0 turns -0 into 0; a printed -0 would surprise.
            for column in 0..<3 { self[row, column] = signs[row] * steps[column][row] + 0 }
            self[row, 3] = signs[row] * origin[row] + 0
        }
    }

    /// The entry at a row and column.
    public subscript(row: Int, column: Int) -> Double {
        get { elements[row * 4 + column] }
        set { elements[row * 4 + column] = newValue }
    }

    /// The length in mm of a voxel's edge along each axis: the norms of the first three columns.
    public var spacing: [Double] {
        (0..<3).map { column in
            (0..<3).map { self[$0, column] * self[$0, column] }.reduce(0, +).squareRoot()
        }
    }
}
