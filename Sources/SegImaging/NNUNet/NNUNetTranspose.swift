public import SegCore

/// Reorders axes as an nnU-Net plan specifies: its `transpose_forward`, applied to the axis order of nnU-Net's readers,
/// whose first axis is the file's last axis.
public struct NNUNetTranspose: Hashable, Sendable {
    /// For each new axis, the index of the old axis in (z, y, x); `transpose_forward`.
    public let forward: [Int]

    /// Creates the step from an order of axes.
    ///
    /// - Throws: `DataError` if `forward` is not a permutation of three axes.
    public init(forward: [Int]) throws(DataError) {
        guard forward.sorted() == [0, 1, 2] else {
            throw DataError(
                .badArgument, "transpose_forward", "should contain the axes 0, 1 and 2 once each, not \(forward)")
        }
        self.forward = forward
    }

    var permutation: AxisPermutation {
        AxisPermutation(source: forward.map { 2 - $0 }, flipped: [false, false, false])
    }

    /// The reordered image; the record is extended by the permutation.
    func callAsFunction(_ image: ScanImage, record: inout SpatialRecord) throws(DataError) -> ScanImage {
        let permutation = permutation
        let result = try image.map { (volume) throws(DataError) in permutation.apply(volume) }
        record.orient(by: permutation, to: result)
        return result
    }
}
