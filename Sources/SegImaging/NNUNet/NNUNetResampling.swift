internal import Foundation
public import SegCore

/// Resamples to the spacing of an nnU-Net plan; its `resample_data_or_seg_to_shape`, or with linear interpolation
/// `resample_torch_fornnunet`.
///
/// In anisotropic scans each slice is resampled separately, and slices are repeated or skipped along the axis of the
/// longest voxel edge.
public struct NNUNetResampling: Hashable, Sendable {
    /// The order of interpolation between voxels.
    public enum Order: Int, Hashable, Sendable {
        /// Linear interpolation between the two nearest voxels along each axis.
        case linear = 1
        /// Cubic B-splines.
        case cubic = 3
    }

    /// The choice whether slices are resampled separately; `force_separate_z`.
    public enum Separation: Hashable, Sendable {
        /// Separately if the longest voxel edge is more than three times the shortest, in the old grid or else in the
        /// new one.
        case automatic
        /// Always separately, across the axis of the longest edge.
        case always
        /// Never separately.
        case never

        /// Creates the choice that `force_separate_z` means.
        public init(_ forced: Bool?) { self = forced.map { $0 ? .always : .never } ?? .automatic }
    }

    /// The voxel edges in mm along the network's axes; nil keeps an axis as it is.
    public let spacing: [Double?]
    /// The order of interpolation from the scan to the network's grid.
    public let order: Order
    /// The choice whether slices are resampled one by one on the way from the scan to the network's grid.
    public let separation: Separation
    /// The same choice for resampling a prediction back to the scan's grid, which interpolates linearly.
    public let separationBack: Separation

    /// Creates the step from voxel edges, the order and both separations.
    ///
    /// - Throws: `DataError` if there are not three edges, each a positive number or nil.
    public init(
        spacing: [Double?], order: Order = .cubic, separation: Separation = .automatic,
        separationBack: Separation = .automatic
    ) throws(DataError) {
        guard spacing.count == 3, spacing.allSatisfy({ $0 == nil || $0?.isFinite == true && $0 ?? 0 > 0 }) else {
            throw DataError(.badArgument, "spacing", "should be three positive edges in mm, not \(spacing)")
        }
        self.spacing = spacing
        self.order = order
        self.separation = separation
        self.separationBack = separationBack
    }

    /// The voxel edges of the resampled grid.
    private func target(of current: [Double]) -> [Double] { zip(spacing, current).map { $0 ?? $1 } }

    /// The size of the resampled grid.
    func size(of current: Triple, at affine: Affine) -> Triple {
        let edges = affine.statedEdges
        return Triple(
            zip(edges, target(of: edges)).enumerated().map { axis, pair in
                // At least one voxel; nnU-Net would compute 0 and fail.
                let count = (pair.0 / pair.1 * Double(current[axis])).rounded(.toNearestOrEven)
                return Int(min(max(count, 1), Double(Int32.max)))
            })
    }

    /// The affine of the resampled grid from voxel index to RAS+ mm; outer faces keep their positions.
    func affine(of current: Triple, at affine: Affine) -> Affine {
        affine.resized(from: current, to: size(of: current, at: affine))
    }

    /// The axis across which slices are resampled separately; nil for none.
    private static func separateAxis(_ separation: Separation, from current: [Double], to new: [Double]) -> Int? {
        let edges: [Double]
        switch separation {
        case .never: return nil
        case .always: edges = current
        case .automatic:
            guard let anisotropic = [current, new].first(where: Self.isAnisotropic) else { return nil }
            edges = anisotropic
        }
        let longest = edges.indices.filter { edges[$0] == edges.max() }
        return longest.count == 1 ? longest[0] : nil
    }

    private static func isAnisotropic(_ edges: [Double]) -> Bool {
        (edges.max() ?? 1) / (edges.min() ?? 1) > 3
    }

    /// The resampled image; the record is extended by the change of grid.
    ///
    /// - Throws: `DataError` if the affine cannot be inverted, or the grid exceeds `Limits` or the free memory.
    func callAsFunction(_ image: ScanImage, record: inout SpatialRecord, name: String) throws(DataError) -> ScanImage {
        let edges = image.affine.statedEdges
        let (size, affine) = (size(of: image.size, at: image.affine), affine(of: image.size, at: image.affine))
        guard size != image.size else { return image }
        try PreprocessingStep.checkExtents(size, name: name)
        let target = target(of: edges)
        let sampling = GridSampling(
            rule: .centres(nearestAxis: Self.separateAxis(separationBack, from: target, to: edges)))
        guard let map = GridMap(source: (image.affine, image.size), destination: (affine, size), sampling) else {
            throw DataError(.badData, name, "its affine cannot be inverted, so it has no spacing; repair the header.")
        }
        let axis = separateAxis(of: image.affine)
        let result = try image.map { (volume) throws(DataError) in
            Volume(
                voxels: resample(volume.voxels, image.size, to: size, separately: axis), size: size, affine: affine)
        }
        record.resample(by: map, to: result)
        return result
    }

    /// Resamples along one axis after the other, the axis with the smallest ratio of new to old size first. Values are
    /// clipped to the range of the old voxels, or of the old slice if slices are separate.
    private func resample(_ voxels: [Float], _ old: Triple, to new: Triple, separately axis: Int?) -> [Float] {
        let others = (0..<3).filter { $0 != axis }
            .sorted { new[$0] * old[$1] < new[$1] * old[$0] }
        var (values, size) = (voxels, old)
        for other in others where new[other] != old[other] {
            values = GridLine(order, from: old[other], to: new[other]).resample(values, &size, along: other)
        }
        let ranges = Ranges(of: voxels, old, axis)
        ranges.clip(&values, size)
        guard let axis, new[axis] != old[axis] else { return values }
        return Self.repeated(values, size, to: new[axis], along: axis)
    }

    /// The axis across which slices are resampled one by one on the way from the scan to the network's grid; nil for none.
    func separateAxis(of affine: Affine) -> Int? {
        let edges = affine.statedEdges
        return Self.separateAxis(separation, from: edges, to: target(of: edges))
    }

    /// Repeats or skips slices across an axis until there are `count` of them.
    static func repeated(_ values: [Float], _ size: Triple, to count: Int, along axis: Int) -> [Float] {
        let places = GridSampling.centres(from: size[axis], to: count).map { place in
            min(max(Int((place + 0.5).rounded(.down)), 0), size[axis] - 1)
        }
        var new = size
        new[axis] = count
        let inner = axis == 0 ? size.h * size.w : axis == 1 ? size.w : 1
        let outer = size.count / (size[axis] * inner)
        var picked: [Float] = []
        picked.reserveCapacity(new.count)
        for block in 0..<outer {
            for place in places {
                let start = (block * size[axis] + place) * inner
                picked.append(contentsOf: values[start..<start + inner])
            }
        }
        return picked
    }
}

/// The minimum and maximum of an image, or of each of its slices across an axis.
private struct Ranges {
    private let axis: Int?
    private var ranges: [(low: Float, high: Float)]

    init(of voxels: [Float], _ size: Triple, _ axis: Int?) {
        self.axis = axis
        ranges = [(Float, Float)](repeating: (.infinity, -.infinity), count: axis.map { size[$0] } ?? 1)
        var ranges = ranges
        Self.forEachRun(size, axis) { slice, run in
            voxels.withUnsafeBufferPointer { voxels in
                for index in run {
                    ranges[slice].low = min(ranges[slice].low, voxels[index])
                    ranges[slice].high = max(ranges[slice].high, voxels[index])
                }
            }
        }
        self.ranges = ranges
    }

    func clip(_ values: inout [Float], _ size: Triple) {
        values.withUnsafeMutableBufferPointer { values in
            Self.forEachRun(size, axis) { slice, run in
                let (low, high) = ranges[slice]
                for index in run { values[index] = min(max(values[index], low), high) }
            }
        }
    }

    /// Calls `body` with each contiguous run of voxels, and the index of its slice.
    private static func forEachRun(_ size: Triple, _ axis: Int?, _ body: (Int, Range<Int>) -> Void) {
        guard let axis else { return body(0, 0..<size.count) }
        let inner = axis == 0 ? size.h * size.w : axis == 1 ? size.w : 1
        for run in 0..<size.count / inner { body(run % size[axis], run * inner..<(run + 1) * inner) }
    }
}

extension Affine {
    /// The edges of a voxel in mm, as a file's header states them.
    ///
    /// Along a world axis the edge is an entry of the affine itself. In an oblique grid the edges are norms of columns,
    /// which differ from the header's value by a rounding error of 32 bits. That error may decide how a size that ends
    /// in a half is rounded.
    package var statedEdges: [Double] {
        (0..<3).map { axis in
            let column = (0..<3).map { self[$0, axis] }
            let filled = column.filter { $0 != 0 }
            guard filled.count > 1 else { return abs(filled.first ?? 0) }
            return Self.stated(column.reduce(0) { $0 + $1 * $1 }.squareRoot())
        }
    }

    /// The number that the header most likely stated, out of the 32-bit numbers nearest to a length: a number with few
    /// binary digits, such as a field of view divided by 512, else the number with the shortest decimal form.
    private static func stated(_ length: Double) -> Double {
        let near = Float(length)
        guard near.isFinite, near > 0 else { return length }
        let candidates = [near, near.nextDown, near.nextUp, near.nextDown.nextDown, near.nextUp.nextUp]
        if let binary = candidates.first(where: { $0.significandBitPattern.trailingZeroBitCount >= 10 }) {
            return Double(binary)
        }
        return Double(candidates.min { "\($0)".count < "\($1)".count } ?? near)
    }
}
