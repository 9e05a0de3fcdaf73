internal import SegBackend
public import SegCore
internal import SegImaging
public import SegTensor

/// Runs a network over a volume in overlapping windows and blends the outputs;
/// `monai.inferers.sliding_window_inference`.
public struct SlidingWindow: Sendable {
    /// The size of a window.
    public var window: Triple
    /// The share of a window that overlaps the next one.
    public var overlap: WindowOverlap
    /// The weighting of overlapping windows.
    public var blending: WindowPlan.Blending

    /// Creates an inferer.
    public init(window: Triple, overlap: WindowOverlap, blending: WindowPlan.Blending) {
        self.window = window
        self.overlap = overlap
        self.blending = blending
    }

    /// The blended logits of a volume.
    ///
    /// **Shapes**: image `[1, D, H, W, C]`; `predict` maps a window `[1, d, h, w, C]` to `[1, d, h, w, K]`; the
    /// result is `[D, H, W, K]`. Each window's output is added in place; nothing else of full size is held.
    /// - Parameter progress: Called with the number of finished windows and the total number.
    /// - Throws: `InferenceError` if `predict` changes the window's size; errors of `predict` and the backend.
    public func callAsFunction(
        _ image: Tensor, progress: (Int, Int) throws -> Void, predict: (Tensor) throws -> Tensor
    ) throws -> Tensor {
        let size = image.shape.size
        var slab = try BlendedSlab(of: size, capacity: size.d, on: image.backend)
        try run(image, into: &slab, progress: progress, predict: predict) { _, _ in }
        guard let sum = slab.sum else { throw InferenceError("there is no window to predict") }
        return sum
    }

    /// Passes the blended logits to `body` in planes along axis 0, as soon as planes are finished. Only the sums of the planes
    /// of one window are kept. The values equal those of the function above, bit for bit, because every voxel's terms are added
    /// in the same order.
    /// - Parameters:
    ///   - scratch: The folder of the file for these sums, and the number of channels K; nil to keep the sums in memory.
    ///   - body: Called with planes `[planes, H, W, K]`, each of them once and in order. `body` may overwrite the planes; their
    ///     memory is used again after the call.
    /// - Throws: The errors of `body`; `DataError` if the file cannot be written; the errors of the function above.
    func forEachFinished(
        _ image: Tensor, scratch: (folder: String, channels: Int)? = nil, progress: (Int, Int) throws -> Void,
        predict: (Tensor) throws -> Tensor, _ body: (Range<Int>, Tensor) throws -> Void
    ) throws {
        let size = image.shape.size
        if let scratch {
            var slab = try SpilledSlab(
                of: size, capacity: window.d, channels: scratch.channels, in: scratch.folder, on: image.backend)
            try run(image, into: &slab, progress: progress, predict: predict, finished: body)
        } else {
            var slab = try BlendedSlab(of: size, capacity: window.d, on: image.backend)
            try run(image, into: &slab, progress: progress, predict: predict, finished: body)
        }
    }

    /// Predicts all windows and adds them to a slab. If the slab does not hold the whole volume, planes are finished as soon
    /// as no later window contains them; otherwise all planes are finished at the end.
    private func run(
        _ image: Tensor, into slab: inout some WindowSums, progress: (Int, Int) throws -> Void,
        predict: (Tensor) throws -> Tensor, finished: (Range<Int>, Tensor) throws -> Void
    ) throws {
        let size = image.shape.size
        let plan = try WindowPlan(image: size, window: window, overlap: overlap, blending)
        let backend = image.backend
        let weights = try seen(Tensor(plan.weights(blending), shape: Shape(window.array), on: backend), plan)
        var queue = WindowQueue()
        for (index, start) in plan.starts.enumerated() {
            let patch = try StageClock.time("cut") { try cut(image, at: start, plan) }
            let output = try StageClock.time("network") {
                let output = try predict(Tensor(patch, on: backend))
                // The measured time is right only if the device has finished.
                if StageClock.current != nil { try backend.synchronize() }
                return output
            }
            guard output.shape.rank == 5, output.shape.batch == 1, output.shape.size == window else {
                throw InferenceError(
                    "the network returned \(output.shape) for a window \(patch.shape); it should keep the size")
            }
            try StageClock.time("blend") {
                let flat = Tensor(output.view.reshaped(Shape(window.array + [output.shape.channels])), on: backend)
                try slab.add(seen(flat, plan), weights: weights, at: start)
            }
            try queue.added(on: backend)
            try progress(index + 1, plan.starts.count)
            let next = index + 1 < plan.starts.count ? plan.starts[index + 1].d : size.d
            if next == size.d || (next > start.d && !slab.holdsAll) {
                try slab.finish(upTo: next, finished)
            }
        }
    }

    /// A window of the image, `[1, d, h, w, C]`, with zeros outside the image.
    private func cut(_ image: Tensor, at start: Triple, _ plan: WindowPlan) throws -> BufferView {
        let backend = image.backend
        let (channels, whole, seen) = (image.shape.channels, image.shape.size, plan.seen)
        let patch = try backend.allocate(Shape(batch: 1, size: window, channels: channels), image.view.dtype)
        if seen != window { try backend.fill(patch, with: 0) }
        // Width and channels are merged into one axis, so that whole lines are copied.
        func lines(_ size: Triple) -> [Int] { [size.d, size.h, size.w * channels] }
        try backend.copyRegion(
            image.view.reshaped(Shape(lines(whole))), at: lines(start), into: patch.reshaped(Shape(lines(window))),
            at: lines(plan.padding), extent: lines(seen), accumulate: false)
        return patch
    }

    /// The part of a window, `[d, h, w]` or `[d, h, w, K]`, that lies on the image.
    private func seen(_ whole: Tensor, _ plan: WindowPlan) throws -> Tensor {
        guard plan.seen != window else { return whole }
        let others = Array(whole.shape.dimensions.dropFirst(3))
        let extent = plan.seen.array + others
        let part = try whole.backend.allocate(Shape(extent), whole.view.dtype)
        try whole.backend.copyRegion(
            whole.view, at: plan.padding.array + others.map { _ in 0 }, into: part, at: extent.map { _ in 0 },
            extent: extent, accumulate: false)
        return Tensor(part, on: whole.backend)
    }
}
