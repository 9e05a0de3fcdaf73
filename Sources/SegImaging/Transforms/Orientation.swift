public import SegCore

/// Permutes and flips axes so that they point in the given directions; MONAI's `Orientation(axcodes=)`.
public struct Orientation: Hashable, Sendable {
    /// The axis codes, such as `RAS`: axis 0 to the right, axis 1 to the front, axis 2 up.
    public let axisCodes: String
    private let axes: [(world: Int, flipped: Bool)]

    /// Creates an orientation from three letters, one of each pair L/R, P/A, I/S.
    ///
    /// - Throws: `DataError` naming the codes if they are not valid.
    public init(axisCodes: String) throws(DataError) {
        let letters = Array("RASLPI")
        let axes = axisCodes.compactMap { letters.firstIndex(of: $0) }.map { (world: $0 % 3, flipped: $0 >= 3) }
        guard axes.count == 3, axisCodes.count == 3, Set(axes.map(\.world)).count == 3 else {
            throw DataError(
                .badArgument, "orientation \"\(axisCodes)\"",
                "three letters were expected, one each of L/R, P/A and I/S, such as RAS.")
        }
        self.axisCodes = axisCodes
        self.axes = axes
    }

    /// The reoriented image; the record is extended by the permutation.
    public func callAsFunction(_ image: ScanImage, record: inout SpatialRecord) throws(DataError) -> ScanImage {
        let permutation = permutation(for: image.affine)
        let result = try image.map { (volume) throws(DataError) in permutation.apply(volume) }
        record.orient(by: permutation, to: result)
        return result
    }

    /// The reoriented volume.
    public func callAsFunction(_ volume: Volume) -> Volume { permutation(for: volume.affine).apply(volume) }

    func permutation(for affine: Affine) -> AxisPermutation {
        let current = affine.orientation
        var result = AxisPermutation.identity
        for (axis, target) in axes.enumerated() {
            let source = current.firstIndex { $0.world == target.world } ?? axis
            result.source[axis] = source
            result.flipped[axis] = current[source].flipped != target.flipped
        }
        return result
    }

    /// Whether two orientations have the same codes.
    public static func == (left: Orientation, right: Orientation) -> Bool { left.axisCodes == right.axisCodes }

    /// Hashes the codes.
    public func hash(into hasher: inout Hasher) { hasher.combine(axisCodes) }
}
