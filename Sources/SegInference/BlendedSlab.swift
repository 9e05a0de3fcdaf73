internal import SegBackend
internal import SegCore
internal import SegTensor

/// The sums of overlapping windows over planes of a volume along its axis 0.
///
/// Windows come in row-major order. What lies before the first plane of a window is finished, since no later window
/// touches it. So the planes of one window are held, whatever the volume's extent; the order of each voxel's sum is that of
/// the windows, and does not depend on how many are held.
protocol WindowSums {
    /// Extents of the volume.
    var size: Triple { get }
    /// Whether all planes are held until the end.
    var holdsAll: Bool { get }

    /// Adds a window.
    /// - Parameters:
    ///   - window: `[d, h, w, K]`, the part of it that lies on the volume.
    ///   - weights: `[d, h, w]`.
    ///   - start: Its first voxel on the volume.
    mutating func add(_ window: Tensor, weights: Tensor, at start: Triple) throws

    /// Divides the planes before `end`, which no later window touches, by their weights, and makes room for as many.
    /// - Parameter body: Called with planes, `[planes, H, W, K]`, in order; it may write over them.
    mutating func finish(upTo end: Int, _ body: (Range<Int>, Tensor) throws -> Void) throws
}

/// Sums on the device.
struct BlendedSlab: WindowSums {
    let size: Triple
    var holdsAll: Bool { capacity == size.d }
    /// Planes that are held.
    private let capacity: Int
    /// The volume's plane that lies first.
    private var first = 0
    /// `[capacity, H, W, K]`; nil before the first window.
    private(set) var sum: Tensor?
    /// `[capacity, H, W]`.
    private let weightSum: Tensor
    private var backend: any Backend { weightSum.backend }

    /// Begins without windows.
    /// - Parameter capacity: Planes that are held: those of a window, or all of the volume.
    init(of size: Triple, capacity: Int, on backend: any Backend) throws {
        (self.size, self.capacity) = (size, min(capacity, size.d))
        weightSum = try Tensor(repeating: 0, shape: [self.capacity, size.h, size.w], on: backend)
    }

    mutating func add(_ window: Tensor, weights: Tensor, at start: Triple) throws {
        precondition(start.d >= first && start.d + weights.shape[0] <= first + capacity, "the planes are not held")
        let shape = Shape([capacity, size.h, size.w, window.shape.channels])
        let total = try sum ?? Tensor(repeating: 0, shape: shape, on: backend)
        sum = total
        try backend.blendWindow(
            window.view, weights: weights.view, at: Triple(start.d - first, start.h, start.w), into: total.view,
            weightSum.view)
    }

    mutating func finish(upTo end: Int, _ body: (Range<Int>, Tensor) throws -> Void) throws {
        guard let sum, end > first else { return }
        let count = end - first
        let (values, weights) = (sum.view.slice(0..<count), weightSum.view.slice(0..<count))
        let voxels = count * size.h * size.w
        let flat = values.reshaped([voxels, sum.shape.channels])
        try backend.divideRows(flat, by: weights.reshaped([voxels]), into: flat)
        try body(first..<end, Tensor(values, on: backend))
        if end < size.d {
            try sum.shiftPlanes(by: count)
            try weightSum.shiftPlanes(by: count)
        }
        first = end
    }
}

extension Tensor {
    /// Moves the planes behind the first `count` to the front, and sets what is left behind them to 0.
    func shiftPlanes(by count: Int) throws {
        let planes = shape[0]
        // Rows of the planes, so that several threads share them.
        let inner = shape.dimensions.dropFirst(2).reduce(1, *)
        func lines(_ planes: Range<Int>) -> BufferView {
            view.slice(planes).reshaped([planes.count * shape[1], inner])
        }
        let left = planes - count
        // Pieces that do not overlap the place that they move to.
        for start in stride(from: 0, to: left, by: count) {
            let piece = start..<min(start + count, left)
            try backend.copyRegion(
                lines(piece.lowerBound + count..<piece.upperBound + count), at: [0, 0], into: lines(piece),
                at: [0, 0], extent: [piece.count * shape[1], inner], accumulate: false)
        }
        try backend.fill(view.slice(left..<planes), with: 0)
    }
}
