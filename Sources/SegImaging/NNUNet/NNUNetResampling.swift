internal import Foundation
public import SegCore

/// Resamples to the spacing of a plan of nnU-Net; its `resample_data_or_seg_to_shape`, or with linear values
/// `resample_torch_fornnunet`.
///
/// Of anisotropic scans each slice is resampled by itself, and slices are repeated or left out along the long axis.
public struct NNUNetResampling: Hashable, Sendable {
    /// How values between voxels are made.
    public enum Order: Int, Hashable, Sendable {
        /// Between the two nearest along each axis.
        case linear = 1
        /// By cubic B-splines.
        case cubic = 3
    }

    /// Whether slices are resampled by themselves; `force_separate_z`.
    public enum Separation: Hashable, Sendable {
        /// Where the longest edge of a voxel is more than three times the shortest, before or else after.
        case automatic
        /// Always, across the longest edge.
        case always
        /// Never.
        case never

        /// What `force_separate_z` says.
        public init(_ forced: Bool?) { self = forced.map { $0 ? .always : .never } ?? .automatic }
    }

    /// Voxel edges in mm along the network's axes; nil keeps an axis as it is.
    public let spacing: [Double?]
    /// How values between voxels are made on the way to the network.
    public let order: Order
    /// Whether slices are resampled by themselves on the way to the network.
    public let separation: Separation
    /// The same on the way back, which is linear.
    public let separationBack: Separation

    /// Takes voxel edges and ways.
    ///
    /// - Throws: `DataError` where edges are not three positive numbers, or nil.
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

    /// The edges that a grid is resampled to.
    private func target(of current: [Double]) -> [Double] { zip(spacing, current).map { $0 ?? $1 } }

    /// The extents that a grid becomes.
    func size(of current: Triple, at affine: Affine) -> Triple {
        let edges = affine.statedEdges
        return Triple(
            zip(edges, target(of: edges)).enumerated().map { axis, pair in
                // One voxel at least, where nnU-Net would make none and fail.
                let count = (pair.0 / pair.1 * Double(current[axis])).rounded(.toNearestOrEven)
                return Int(min(max(count, 1), Double(Int32.max)))
            })
    }

    /// The new grid: voxel index → RAS+ mm; outer faces keep their places.
    func affine(of current: Triple, at affine: Affine) -> Affine {
        affine.resized(from: current, to: size(of: current, at: affine))
    }

    /// The axis across which slices are resampled by themselves; nil for none.
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

    /// The resampled image; the record learns the grids.
    ///
    /// - Throws: `DataError` where the affine cannot be inverted, or the grid is beyond `Limits` or the memory.
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

    /// Resamples along one axis after the other, those first that leave the least to do; no value leaves the range of
    /// those that it comes of.
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

    /// The axis across which slices are resampled by themselves on the way to the network; nil for none.
    func separateAxis(of affine: Affine) -> Int? {
        let edges = affine.statedEdges
        return Self.separateAxis(separation, from: edges, to: target(of: edges))
    }

    /// Repeats or leaves out slices across an axis, until it has some number of them.
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

/// The least and the largest value of an image, or of each of its slices across an axis.
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

    /// Calls with each run of voxels that lie side by side, and the slice that they are of.
    private static func forEachRun(_ size: Triple, _ axis: Int?, _ body: (Int, Range<Int>) -> Void) {
        guard let axis else { return body(0, 0..<size.count) }
        let inner = axis == 0 ? size.h * size.w : axis == 1 ? size.w : 1
        for run in 0..<size.count / inner { body(run % size[axis], run * inner..<(run + 1) * inner) }
    }
}

extension Affine {
    /// The edges of a voxel in mm, as a file's header states them.
    ///
    /// Along a world axis an edge stands in the affine itself. Those of an oblique grid are lengths of columns, which are a
    /// rounding of 32 bits off what the header says; a half of an extent may hang on it.
    package var statedEdges: [Double] {
        (0..<3).map { axis in
            let column = (0..<3).map { self[$0, axis] }
            let filled = column.filter { $0 != 0 }
            guard filled.count > 1 else { return abs(filled.first ?? 0) }
            return Self.stated(column.reduce(0) { $0 + $1 * $1 }.squareRoot())
        }
    }

    /// The number that was most likely stated, of those in 32 bits beside a length: one of few binary digits, such as a field
    /// of view divided by 512, else the one with the shortest decimals.
    private static func stated(_ length: Double) -> Double {
        let near = Float(length)
        guard near.isFinite, near > 0 else { return length }
        let candidates = [near, near.nextDown, near.nextUp, near.nextDown.nextDown, near.nextUp.nextUp]
        if let binary = candidates.first(where: { $0.significandBitPattern.trailingZeroBitCount >= 10 }) {
            return Double(binary)
        }
        return Double(candidates.min { "\($0)".count < "\($1)".count } ?? near)
    }

    /// The affine of a grid whose outer faces are this grid's, with other extents.
    func resized(from old: Triple, to new: Triple) -> Affine {
        var result = self
        var origin = [0.0, 0.0, 0.0]
        for axis in 0..<3 where new[axis] != old[axis] {
            let scale = Double(old[axis]) / Double(new[axis])
            for row in 0..<3 { result[row, axis] = self[row, axis] * scale }
            origin[axis] = (scale - 1) / 2
        }
        let first = self(origin[0], origin[1], origin[2])
        (result[0, 3], result[1, 3], result[2, 3]) = (first.x, first.y, first.z)
        return result
    }
}
