public import SegBackend
internal import SegImaging
public import SegTensor

/// Runs a network over a volume in overlapping windows and blends what comes out,
/// `monai.inferers.sliding_window_inference`.
public struct SlidingWindow: Sendable {
    /// Extents of a window.
    public var window: Triple
    /// Share of a window that its neighbour repeats.
    public var overlap: WindowOverlap
    /// Weights of overlapping windows.
    public var blending: WindowPlan.Blending

    /// Makes an inferer.
    public init(window: Triple, overlap: WindowOverlap, blending: WindowPlan.Blending) {
        self.window = window
        self.overlap = overlap
        self.blending = blending
    }

    /// The blended logits of a volume.
    ///
    /// **Shapes**: image `[1, D, H, W, C]`; `predict` takes a window `[1, d, h, w, C]` to `[1, d, h, w, K]`; the
    /// result is `[D, H, W, K]`. Each window's output is added in place; nothing else of full size is held.
    /// - Parameter progress: Called with the windows done and their number.
    /// - Throws: `InferenceError` where `predict` changes the window's extents; errors of `predict` and the backend.
    public func callAsFunction(
        _ image: Tensor, progress: (Int, Int) throws -> Void, predict: (Tensor) throws -> Tensor
    ) throws -> Tensor {
        let plan = try WindowPlan(image: image.shape.size, window: window, overlap: overlap)
        let backend = image.backend
        let dtype = image.view.dtype
        let padded = try pad(image, plan)
        let weights = try Tensor(plan.weights(blending), shape: Shape(window.array), on: backend)
        let weightSum = try Tensor(repeating: 0, shape: Shape(plan.paddedSize.array), on: backend)
        // Pixels with their channels are one axis, so that a window is cut by whole lines.
        let (channels, whole) = (image.shape.channels, plan.paddedSize)
        let lines = padded.view.reshaped([whole.d, whole.h, whole.w * channels])
        let box = [window.d, window.h, window.w * channels]
        var sum: Tensor?
        var queue = WindowQueue()
        for (index, start) in plan.starts.enumerated() {
            let patch = try backend.allocate(
                Shape(batch: 1, size: window, channels: channels), dtype)
            try StageClock.time("cut") {
                try backend.copyRegion(
                    lines, at: [start.d, start.h, start.w * channels], into: patch.reshaped(Shape(box)), at: [0, 0, 0],
                    extent: box, accumulate: false)
            }
            let output = try StageClock.time("network") {
                let output = try predict(Tensor(patch, on: backend))
                // Only a device that has finished can be charged.
                if StageClock.current != nil { try backend.synchronize() }
                return output
            }
            guard output.shape.rank == 5, output.shape.batch == 1, output.shape.size == window else {
                throw InferenceError(
                    "the network turned a window \(patch.shape) into \(output.shape); extents must stay")
            }
            let classes = output.shape.channels
            let total =
                try sum ?? Tensor(repeating: 0, shape: Shape(plan.paddedSize.array + [classes]), on: backend)
            sum = total
            try StageClock.time("blend") {
                try backend.blendWindow(
                    output.view.reshaped(Shape(window.array + [classes])), weights: weights.view, at: start,
                    into: total.view, weightSum.view)
            }
            try queue.added(on: backend)
            try progress(index + 1, plan.starts.count)
        }
        guard let sum else { throw InferenceError("there is no window to predict") }
        let rows = plan.paddedSize.product
        let flat = sum.view.reshaped([rows, sum.shape.channels])
        try StageClock.time("blend") {
            try backend.divideRows(flat, by: weightSum.view.reshaped([rows]), into: flat)
        }
        return try crop(sum, to: image.shape.size, plan)
    }

    private func pad(_ image: Tensor, _ plan: WindowPlan) throws -> Tensor {
        guard plan.paddedSize != image.shape.size else { return image }
        let backend = image.backend
        let padded = try Tensor(
            repeating: 0, shape: Shape(batch: 1, size: plan.paddedSize, channels: image.shape.channels), on: backend)
        try backend.copyRegion(
            image.view, at: [0, 0, 0, 0, 0], into: padded.view, at: [0] + plan.padding.array + [0],
            extent: image.shape.dimensions, accumulate: false)
        return padded
    }

    private func crop(_ sum: Tensor, to size: Triple, _ plan: WindowPlan) throws -> Tensor {
        guard plan.paddedSize != size else { return sum }
        let extent = size.array + [sum.shape.channels]
        let cropped = try sum.backend.allocate(Shape(extent), sum.view.dtype)
        try sum.backend.copyRegion(
            sum.view, at: plan.padding.array + [0], into: cropped, at: [0, 0, 0, 0], extent: extent, accumulate: false)
        return Tensor(cropped, on: sum.backend)
    }
}
