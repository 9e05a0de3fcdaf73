public import SegCore

/// Crops to the bounding box of the voxels above 0; MONAI's `CropForeground(channel_indices=, margin=, k_divisible=,
/// allow_smaller=)`.
public struct CropForeground: Hashable, Sendable {
    /// The voxels added on each side, for each axis.
    public let margins: [Int]
    /// The divisors; the box is grown to both sides until the size along each axis is a multiple of the axis' divisor.
    public let divisors: [Int]
    /// Whether the margin stops at the volume's edge; otherwise voxels outside are set to 0.
    public let allowSmaller: Bool
    /// The channels that determine the box; nil for all. A voxel is foreground if it is above 0 in any of them.
    public let channels: [Int]?

    /// Creates a crop from margins in voxels and divisors of the size, one for each axis.
    ///
    /// - Throws: `DataError` if a number is out of range.
    public init(
        margins: [Int], divisors: [Int], allowSmaller: Bool, channels: [Int]? = nil
    ) throws(DataError) {
        let isValid =
            margins.count == 3 && divisors.count == 3 && margins.allSatisfy { $0 >= 0 && $0 <= Limits.gridAxis }
        guard isValid, divisors.allSatisfy({ $0 >= 1 && $0 <= Limits.gridAxis }) else {
            throw DataError(
                .badArgument, "CropForeground",
                "margin \(margins) must be at least 0 and k_divisible \(divisors) at least 1 along each axis, both at most "
                    + "\(Limits.gridAxis).")
        }
        self.margins = margins
        self.divisors = divisors
        self.allowSmaller = allowSmaller
        self.channels = channels
    }

    /// Creates a crop from one margin and one divisor for all axes.
    ///
    /// - Throws: `DataError` if a number is out of range.
    public init(margin: Int, divisor: Int, allowSmaller: Bool) throws(DataError) {
        try self.init(
            margins: [margin, margin, margin], divisors: [divisor, divisor, divisor], allowSmaller: allowSmaller)
    }

    /// Creates a crop to the bounding box of the voxels above 0, without a margin.
    init() {
        (margins, divisors, allowSmaller, channels) = ([0, 0, 0], [1, 1, 1], false, nil)
    }

    /// The largest box to which a volume of a given size can be cropped.
    func largestBox(of size: Triple) -> Box3 {
        var box = Box3(of: size)
        for axis in 0..<3 {
            if !allowSmaller { box.size[axis] += 2 * margins[axis] }
            box.size[axis] = (box.size[axis] + divisors[axis] - 1) / divisors[axis] * divisors[axis]
        }
        return box
    }

    /// The box of the crop; it may reach outside the image.
    ///
    /// `name` is the name of the case, for errors.
    ///
    /// - Throws: `DataError` if no voxel is above 0 (MONAI would return a volume of size 0), or if `channels` contains
    ///   a number that the image does not have.
    public func box(of image: ScanImage, name: String) throws(DataError) -> Box3 {
        var box = try tightBox(of: image, name: name)
        for axis in 0..<3 {
            var (start, end) = (box.start[axis] - margins[axis], box.end(axis) + margins[axis])
            if allowSmaller { (start, end) = (max(start, 0), min(end, image.size[axis])) }
            let extent = end - start
            let grown = (extent + divisors[axis] - 1) / divisors[axis] * divisors[axis]
            box.start[axis] = start - (grown - extent) / 2
            box.size[axis] = grown
        }
        return box
    }

    private func tightBox(of image: ScanImage, name: String) throws(DataError) -> Box3 {
        let looked = channels ?? Array(image.channels.indices)
        if let stray = looked.first(where: { !image.channels.indices.contains($0) }) {
            throw DataError(
                .badData, name,
                "has \(image.channels.count) channels, but the crop uses channel \(stray), counted from 0")
        }
        let boxes = looked.compactMap { image.volume($0).positiveBox }
        guard let first = boxes.first else {
            throw DataError(
                .badData, name,
                "no voxel is above 0 after intensity scaling, so there is no foreground to crop to; "
                    + "check the intensity window against the scan's values, or turn crop_foreground off.")
        }
        return boxes.dropFirst().reduce(first) { $0.union($1) }
    }
}

extension Volume {
    /// The smallest box that contains every voxel above 0, nil if there is none.
    var positiveBox: Box3? {
        var low = [Int](repeating: .max, count: 3)
        var high = [Int](repeating: -1, count: 3)
        voxels.withUnsafeBufferPointer { voxels in
            for i in 0..<size.d {
                for j in 0..<size.h {
                    let row = (i * size.h + j) * size.w
                    guard let first = (0..<size.w).first(where: { voxels[row + $0] > 0 }) else { continue }
                    var last = size.w - 1
                    while !(voxels[row + last] > 0) { last -= 1 }
                    low = [min(low[0], i), min(low[1], j), min(low[2], first)]
                    high = [max(high[0], i), max(high[1], j), max(high[2], last)]
                }
            }
        }
        guard high[0] >= 0 else { return nil }
        return Box3(start: low, size: Triple(high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1))
    }
}
