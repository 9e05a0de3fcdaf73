public import SegCore

/// Reorders axes as a plan of nnU-Net asks; its `transpose_forward`, together with the order in which its readers hold a
/// scan, whose first axis is the file's last one.
public struct NNUNetTranspose: Hashable, Sendable {
    /// For each new axis the one of (z, y, x) that it was; `transpose_forward`.
    public let forward: [Int]

    /// Takes an order.
    ///
    /// - Throws: `DataError` where it is no order of three axes.
    public init(forward: [Int]) throws(DataError) {
        guard forward.sorted() == [0, 1, 2] else {
            throw DataError(
                .badArgument, "transpose_forward", "should hold the axes 0, 1 and 2 once each, not \(forward)")
        }
        self.forward = forward
    }

    var permutation: AxisPermutation {
        AxisPermutation(source: forward.map { 2 - $0 }, flipped: [false, false, false])
    }

    /// The reordered image; the record learns the permutation.
    func callAsFunction(_ image: ScanImage, record: inout SpatialRecord) throws(DataError) -> ScanImage {
        let permutation = permutation
        let result = try image.map { (volume) throws(DataError) in permutation.apply(volume) }
        record.orient(by: permutation, to: result)
        return result
    }
}
