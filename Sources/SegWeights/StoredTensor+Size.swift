internal import SegCore

extension StoredTensor {
    /// Returns the size of an array in bytes; nil if the size along an axis is negative, if there are more axes than
    /// `Limits.tensorAxes`, or if a product of sizes overflows.
    ///
    /// Sizes of 0 are left out of the product, because the strides of an empty array are products of its other sizes.
    static func byteCount(of shape: [Int], _ dtype: DType) -> Int? {
        guard shape.count <= Limits.tensorAxes, shape.allSatisfy({ $0 >= 0 }) else { return nil }
        var product = dtype.byteCount
        for extent in shape where extent > 0 {
            let (next, overflow) = product.multipliedReportingOverflow(by: extent)
            guard !overflow else { return nil }
            product = next
        }
        return shape.contains(0) ? 0 : product
    }
}
