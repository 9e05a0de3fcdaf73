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
        let plan = try WindowPlan(image: image.shape.size, window: window, overlap: overlap, blending)
        let backend = image.backend
        let size = image.shape.size
        let weights = try seen(Tensor(plan.weights(blending), shape: Shape(window.array), on: backend), plan)
        let weightSum = try Tensor(repeating: 0, shape: Shape(size.array), on: backend)
        var sum: Tensor?
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
            let classes = output.shape.channels
            let total = try sum ?? Tensor(repeating: 0, shape: Shape(size.array + [classes]), on: backend)
            sum = total
            try StageClock.time("blend") {
                let flat = Tensor(output.view.reshaped(Shape(window.array + [classes])), on: backend)
                try backend.blendWindow(
                    seen(flat, plan).view, weights: weights.view, at: start, into: total.view, weightSum.view)
            }
            try queue.added(on: backend)
            try progress(index + 1, plan.starts.count)
        }
        guard let sum else { throw InferenceError("there is no window to predict") }
        let flat = sum.view.reshaped([size.count, sum.shape.channels])
        try StageClock.time("blend") {
            try backend.divideRows(flat, by: weightSum.view.reshaped([size.count]), into: flat)
        }
        return sum
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
