public import SegCore

/// Crops a box around the centre; MONAI's `CenterSpatialCrop(roi_size=)`, and `CenterScaleCrop(roi_scale=)` for a
/// relative size.
public struct CenterSpatialCrop: Hashable, Sendable {
    /// The size of the box; 0 or less, or more than the volume's size, keeps the whole axis. Nil if the size is
    /// relative.
    public let size: Triple?
    /// The size relative to the volume's, rounded up. Nil if the size is in voxels.
    public let scale: [Double]?

    /// Creates a crop to a size in voxels.
    public init(size: Triple) {
        self.size = size
        scale = nil
    }

    /// Creates a crop to a size relative to the volume's.
    /// - Throws: `DataError` if `scale` is not three positive finite numbers.
    public init(scale: [Double]) throws(DataError) {
        guard scale.count == 3, scale.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw DataError(.badArgument, "CenterScaleCrop", "roi_scale should be three positive numbers, not \(scale)")
        }
        size = nil
        self.scale = scale
    }

    /// The box within a volume of a given size.
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

    /// A fraction of a size, rounded up, and at most the whole size.
    private static func extent(_ share: Double, of whole: Int) -> Int {
        Int(min(share * Double(whole), Double(whole)).rounded(.up))
    }
}
