public import SegCore

/// Cuts a box out of the middle; MONAI's `CenterSpatialCrop(roi_size=)`, and `CenterScaleCrop(roi_scale=)` by shares.
public struct CenterSpatialCrop: Hashable, Sendable {
    /// Extents of the box; 0 or less leaves an axis, and so does an extent beyond the volume's. Nil where shares count.
    public let size: Triple?
    /// Extents as shares of the volume's, rounded up. Nil where extents count.
    public let scale: [Double]?

    /// Takes extents in voxels.
    public init(size: Triple) {
        self.size = size
        scale = nil
    }

    /// Takes extents as shares of the volume's.
    /// - Throws: `DataError` where they are not three positive finite numbers.
    public init(scale: [Double]) throws(DataError) {
        guard scale.count == 3, scale.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw DataError(.badArgument, "CenterScaleCrop", "roi_scale should be three positive numbers, not \(scale)")
        }
        size = nil
        self.scale = scale
    }

    /// The box, within a volume of some extents.
    func box(of current: Triple) -> Box3 {
        var box = Box3(of: current)
        for axis in 0..<3 {
            let asked = size?[axis] ?? scale.map { Self.extent($0[axis], of: current[axis]) } ?? 0
            guard asked > 0 else { continue }
            box.start[axis] = max(current[axis] / 2 - asked / 2, 0)
            box.size[axis] = min(box.start[axis] + asked, current[axis]) - box.start[axis]
        }
        return box
    }

    /// A share of an extent, rounded up, and no more than all of it.
    private static func extent(_ share: Double, of whole: Int) -> Int {
        Int(min(share * Double(whole), Double(whole)).rounded(.up))
    }
}
