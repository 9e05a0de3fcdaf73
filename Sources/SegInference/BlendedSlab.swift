internal import SegBackend
internal import SegCore
internal import SegTensor

/// The weighted sums of overlapping windows, for planes of a volume along its axis 0.
///
/// Windows are added in row-major order. The planes before a window's first plane are finished, because no later window
/// contains them. Therefore memory for the planes of one window suffices for a volume of any size. Each voxel's terms are added
/// in the order of the windows, so the sum does not depend on the number of planes that are kept.
protocol WindowSums {
    /// The size of the volume.
    var size: Triple { get }
    /// Whether all planes are kept until the end.
    var holdsAll: Bool { get }

    /// Adds a window.
    /// - Parameters:
    ///   - window: The part of the window that lies on the volume, `[d, h, w, K]`.
    ///   - weights: The weights of these voxels, `[d, h, w]`.
    ///   - start: The index, in the volume, of the first voxel of `window`.
    mutating func add(_ window: Tensor, weights: Tensor, at start: Triple) throws

    /// Divides the sums of the planes before `end`, which no later window contains, by the weights, and then frees these
    /// planes for later ones.
    /// - Parameter body: Called with the divided planes, `[planes, H, W, K]`, in order; `body` may overwrite them.
    mutating func finish(upTo end: Int, _ body: (Range<Int>, Tensor) throws -> Void) throws
}

/// The sums in the memory of the device.
struct BlendedSlab: WindowSums {
    let size: Triple
    var holdsAll: Bool { capacity == size.d }
    /// The number of planes in memory.
    private let capacity: Int
    /// The index, in the volume, of the first plane in memory.
    private var first = 0
    /// The weighted sum of the windows, `[capacity, H, W, K]`; nil before the first window.
    private(set) var sum: Tensor?
    /// The sum of the weights, `[capacity, H, W]`.
    private let weightSum: Tensor
    private var backend: any Backend { weightSum.backend }

    /// Creates a slab without windows.
    /// - Parameter capacity: The number of planes in memory: those of a window, or all of the volume.
    init(of size: Triple, capacity: Int, on backend: any Backend) throws {
        (self.size, self.capacity) = (size, min(capacity, size.d))
        weightSum = try Tensor(repeating: 0, shape: [self.capacity, size.h, size.w], on: backend)
    }

    mutating func add(_ window: Tensor, weights: Tensor, at start: Triple) throws {
        precondition(start.d >= first && start.d + weights.shape[0] <= first + capacity, "the planes are not in memory")
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
    /// Removes the first `count` planes, moves the others to the front, and sets the freed planes at the end to 0.
    func shiftPlanes(by count: Int) throws {
        let planes = shape[0]
        // A copy by rows can be divided among several threads.
        let inner = shape.dimensions.dropFirst(2).reduce(1, *)
        func lines(_ planes: Range<Int>) -> BufferView {
            view.slice(planes).reshaped([planes.count * shape[1], inner])
        }
        let left = planes - count
        // At most `count` planes are copied at a time, so that source and target do not overlap.
        for start in stride(from: 0, to: left, by: count) {
            let piece = start..<min(start + count, left)
            try backend.copyRegion(
                lines(piece.lowerBound + count..<piece.upperBound + count), at: [0, 0], into: lines(piece),
                at: [0, 0], extent: [piece.count * shape[1], inner], accumulate: false)
        }
        try backend.fill(view.slice(left..<planes), with: 0)
    }
}
