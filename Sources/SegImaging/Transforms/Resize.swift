public import SegCore

/// Resamples to a size in voxels; MONAI's `Resize(spatial_size=, size_mode=, mode=, align_corners=)`.
public struct Resize: Hashable, Sendable {
    /// The target size.
    public enum Target: Hashable, Sendable {
        /// The size along all axes; 0 or less keeps the size along that axis.
        case extents(Triple)
        /// The size along the longest axis, the sizes along the other axes in proportion; `size_mode="longest"`.
        case longest(Int)
    }

    /// The target size.
    public let target: Target
    /// The interpolation between voxels.
    public let interpolation: Interpolation
    /// Whether the first and last voxels of an axis keep their positions; otherwise its outer faces do.
    public let alignsCorners: Bool

    /// Creates a resize to a target size.
    /// - Throws: `DataError` if a size is larger than `Limits`, or the size of the longest axis is not positive.
    public init(_ target: Target, interpolation: Interpolation, alignsCorners: Bool = false) throws(DataError) {
        let extents: [Int]
        switch target {
        case .extents(let wanted): extents = wanted.array
        case .longest(let extent):
            extents = [extent]
            guard extent > 0 else {
                throw DataError(
                    .badArgument, "Resize", "the size of the longest axis should be positive, not \(extent)")
            }
        }
        if let large = extents.first(where: { $0 > Limits.gridAxis }) {
            throw DataError(
                .badArgument, "Resize", "makes at most \(Limits.gridAxis) voxels along an axis, not \(large)")
        }
        self.target = target
        self.interpolation = interpolation
        self.alignsCorners = alignsCorners
    }

    /// The size of the resized grid.
    func size(of current: Triple) -> Triple {
        switch target {
        case .extents(let extents): return extents.zip(current) { $0 > 0 ? $0 : $1 }
        case .longest(let longest):
            let scale = Double(longest) / Double(current.array.max() ?? 1)
            return Triple(current.array.map { max(Int((Double($0) * scale).rounded(.toNearestOrEven)), 1) })
        }
    }

    /// The affine of the resized grid from voxel index to RAS+ mm.
    func affine(of current: Triple, at affine: Affine) -> Affine {
        affine.resized(from: current, to: size(of: current), alignsCorners: alignsCorners)
    }

    /// The resized image; the record is extended by the change of grid.
    ///
    /// - Throws: `DataError` if the affine cannot be inverted, or the grid exceeds `Limits` or the free memory.
    func callAsFunction(_ image: ScanImage, record: inout SpatialRecord, name: String) throws(DataError) -> ScanImage {
        let (size, affine) = (size(of: image.size), affine(of: image.size, at: image.affine))
        guard size != image.size else { return image }
        try PreprocessingStep.checkExtents(size, name: name)
        try FreeMemory.check(
            arrays: 4 * size.count * image.channels.count, subject: name, for: "resizing it to \(size) voxels",
            advice: "choose a smaller spatial_size, or free memory")
        let sampling = GridSampling(rule: .resize(alignsCorners: alignsCorners), interpolation: interpolation)
        guard let map = GridMap(source: (image.affine, image.size), destination: (affine, size), sampling) else {
            throw DataError(.badData, name, "its affine cannot be inverted, so it has no spacing; repair the header.")
        }
        let result = try image.map { (volume) throws(DataError) in
            volume.resampled(by: map, affine: affine, interpolation)
        }
        record.resample(by: map, to: result)
        return result
    }
}
