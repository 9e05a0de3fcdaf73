internal import SegCore

extension StoredTensor {
    /// Bytes that an array of such extents takes; nil where an extent is negative, where there are more axes than
    /// `Limits.tensorAxes`, or where a product of extents cannot be counted.
    ///
    /// Extents of 0 are left out of the product: those of an empty array are multiplied too, for its strides.
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
