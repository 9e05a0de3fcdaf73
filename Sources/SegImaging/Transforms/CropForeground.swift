public import SegCore

/// Cuts the box of voxels above 0; MONAI's `CropForeground(margin=, k_divisible=, allow_smaller=)`.
public struct CropForeground: Hashable, Sendable {
    /// Voxels added on each side.
    public let margin: Int
    /// Every extent becomes a multiple of this, grown to both sides.
    public let divisor: Int
    /// Whether the margin stops at the volume's edge; else what lies outside becomes 0.
    public let allowSmaller: Bool

    /// Takes a margin in voxels and a divisor of the extents.
    ///
    /// - Throws: `DataError` where a number is out of range.
    public init(margin: Int, divisor: Int, allowSmaller: Bool) throws(DataError) {
        guard margin >= 0, divisor >= 1 else {
            throw DataError(
                .badArgument, "CropForeground", "margin \(margin) must be at least 0 and divisor \(divisor) at least 1."
            )
        }
        self.margin = margin
        self.divisor = divisor
        self.allowSmaller = allowSmaller
    }

    /// The cut volume; the record learns the box.
    ///
    /// `name` is the case's, for errors.
    ///
    /// - Throws: `DataError` where no voxel is above 0 (MONAI would return a volume of size 0).
    public func callAsFunction(
        _ volume: Volume, name: String, record: inout SpatialRecord
    ) throws(DataError) -> Volume {
        let box = try box(of: volume, name: name)
        record.cut(box)
        return volume.cut(box, fill: 0)
    }

    /// The box that would be cut; it may reach outside the volume.
    ///
    /// - Throws: `DataError` where no voxel is above 0.
    public func box(of volume: Volume, name: String) throws(DataError) -> Box3 {
        guard let tight = volume.positiveBox else {
            throw DataError(
                .badData, name,
                "no voxel is above 0 after intensity scaling, so there is no foreground to crop to; "
                    + "check the intensity window against the scan's values, or turn crop_foreground off.")
        }
        var box = tight
        for axis in 0..<3 {
            var (start, end) = (tight.start[axis] - margin, tight.end(axis) + margin)
            if allowSmaller { (start, end) = (max(start, 0), min(end, volume.size[axis])) }
            let extent = end - start
            let grown = (extent + divisor - 1) / divisor * divisor
            box.start[axis] = start - (grown - extent) / 2
            box.size[axis] = grown
        }
        return box
    }
}

extension Volume {
    /// The smallest box that holds every voxel above 0, nil where there is none.
    var positiveBox: Box3? {
        var low = [Int](repeating: .max, count: 3)
        var high = [Int](repeating: -1, count: 3)
        voxels.withUnsafeBufferPointer { voxels in
            for i in 0..<size.i {
                for j in 0..<size.j {
                    let row = (i * size.j + j) * size.k
                    guard let first = (0..<size.k).first(where: { voxels[row + $0] > 0 }) else { continue }
                    var last = size.k - 1
                    while !(voxels[row + last] > 0) { last -= 1 }
                    low = [min(low[0], i), min(low[1], j), min(low[2], first)]
                    high = [max(high[0], i), max(high[1], j), max(high[2], last)]
                }
            }
        }
        guard high[0] >= 0 else { return nil }
        return Box3(start: low, size: Size3(high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1))
    }
}
