public import SegCore

/// The arithmetic of a device: every op of every network, forward and backward.
///
/// The caller computes shapes and owns outputs (`into`); a backend allocates only scratch memory, from its pool. Shapes
/// and element types are validated once, in SegTensor, before a backend is called; a backend may rely on them. Ops are
/// enqueued in order and return; only `download` and `synchronize` wait. If a function has `accumulate`, false
/// overwrites the output (NaN included) and true adds to it. Views must not overlap unless a function allows it. No
/// function has a default argument, because forgotten geometry must be a compile-time error.
public protocol Backend: AnyObject, Sendable, MemoryOps, ElementwiseOps, MatrixOps, ConvolutionOps, NormalizationOps,
    SpatialOps, LossOps, OptimizerOps
{
    /// The name for `--device`: `cpu`, `reference`, `opencl:0`.
    var name: String { get }

    /// The hardware and settings in one line, for people.
    var details: String { get }

    /// The floating-point type of the arithmetic: f32, or f64 for the reference.
    var scalar: DType { get }

    /// Whether the buffers are in the memory of the process, so that a limit of the process's memory includes them.
    var usesHostMemory: Bool { get }
}

/// Memory: allocation from a pool, transfer, and copies on the device.
public protocol MemoryOps {
    /// Allocates memory from the pool; its contents are undefined.
    /// - Throws: `BackendError.outOfMemory`.
    func allocate(byteCount: Int) throws -> any DeviceBuffer

    /// Copies host memory to the device; its type and number of elements are the view's.
    func upload(_ source: UnsafeRawBufferPointer, to view: BufferView) throws

    /// Waits for the ops that write the view, then copies it to host memory.
    func download(_ view: BufferView, into destination: UnsafeMutableRawBufferPointer) throws

    /// Sets every element to a value.
    func fill(_ view: BufferView, with value: Double) throws

    /// Copies (or with `accumulate` adds) a box of size `extent` between arrays of equal rank and type.
    ///
    /// This op crops, pads, concatenates and splits. `sourceOrigin`, `origin` and `extent` have one number per axis.
    func copyRegion(
        _ source: BufferView, at sourceOrigin: [Int], into destination: BufferView, at origin: [Int], extent: [Int],
        accumulate: Bool) throws

    /// Reverses axes, `torch.flip`: y[…, i, …] = x[…, n − 1 − i, …] along each of `axes`. With `accumulate` the
    /// reversed x is added to y.
    func flip(_ x: BufferView, axes: [Int], into y: BufferView, accumulate: Bool) throws

    /// Waits for all enqueued ops.
    func synchronize() throws

    /// The bytes that the pool holds now and held at its peak.
    var memory: MemoryUsage { get }

    /// Starts a new measurement of the memory peak.
    func resetMemoryPeak()

    /// The maximum number of bytes that tensors may hold; nil for no limit.
    var memoryLimit: Int? { get nonmutating set }
}

/// Numbers of bytes in a backend's pool.
public struct MemoryUsage: Hashable, Sendable {
    /// The bytes that tensors hold now.
    public var live: Int
    /// The largest `live` since the last reset.
    public var peak: Int
    /// The bytes kept in the pool for reuse, not counting `live`.
    public var pooled: Int

    /// Creates a report.
    public init(live: Int, peak: Int, pooled: Int) {
        self.live = live
        self.peak = peak
        self.pooled = pooled
    }
}

extension MemoryOps {
    /// Allocates memory for an array from the pool; its contents are undefined.
    public func allocate(_ shape: Shape, _ dtype: DType) throws -> BufferView {
        try allocate(shape, dtype, for: "an array of \(shape)")
    }

    /// Allocates memory for an array from the pool; an error quotes `purpose`. The contents are undefined.
    package func allocate(_ shape: Shape, _ dtype: DType, for purpose: @autoclosure () -> String) throws -> BufferView {
        do {
            let buffer = try allocate(byteCount: max(shape.count, 1) * dtype.byteCount)
            return BufferView(buffer: buffer, offset: 0, shape: shape, dtype: dtype)
        } catch BackendError.outOfMemory(let backend, let requested, let held, let limit, nil) {
            throw BackendError.outOfMemory(
                backend: backend, requested: requested, held: held, limit: limit, purpose: purpose())
        }
    }
}

/// Pointwise ops and reductions.
public protocol ElementwiseOps {
    /// y = a ∘ b, broadcast to y's shape by the rule of NumPy and PyTorch; see `Shape.broadcast`. y may be an operand
    /// that has y's shape.
    func binary(_ op: BinaryOp, _ a: BufferView, _ b: BufferView, into y: BufferView) throws

    /// y = op(x). y may be x.
    func unary(_ op: UnaryOp, _ x: BufferView, into y: BufferView) throws

    /// y = x for an i32 array x, converted to `scalar`, the type of the backend's arithmetic: `x.float()`.
    func cast(_ x: BufferView, into y: BufferView) throws

    /// y = alpha · x + beta · y; beta = 0 overwrites y. y may be x.
    func scale(_ x: BufferView, by alpha: Float, into y: BufferView, times beta: Float) throws

    /// y = act(x); `slope` holds PReLU's slopes, `[1]` or `[C]` over the last axis, and is nil otherwise. y may be x.
    func activate(_ x: BufferView, _ activation: Activation, slope: BufferView?, into y: BufferView) throws

    /// Gradient of `activate` with respect to its input x. PReLU's gradient is added to `slopeGradient` if that is
    /// given. gx may be x.
    func activateBackward(
        _ x: BufferView, upstream: BufferView, _ activation: Activation, slope: BufferView?, into gx: BufferView,
        slopeGradient: BufferView?, accumulate: Bool) throws

    /// y = x · mask / (1 − p). The gradient is the same function, called with the upstream gradient. y may be x.
    func dropout(_ x: BufferView, _ params: DropoutParams, into y: BufferView, accumulate: Bool) throws

    /// Softmax over the last axis, `torch.softmax(x, -1)`. y may be x.
    func softmax(_ x: BufferView, into y: BufferView) throws

    /// Gradient of `softmax`, computed from its output y.
    func softmaxBackward(_ y: BufferView, upstream: BufferView, into gx: BufferView, accumulate: Bool) throws

    /// Reduces the middle axis of x seen as `[outer, n, inner]`; y is `[outer, inner]`.
    ///
    /// `sum` and `mean` add to y if `accumulate` is true; `max` does not support `accumulate`.
    func reduce(_ op: ReduceOp, _ x: BufferView, outer: Int, inner: Int, into y: BufferView, accumulate: Bool) throws
}

/// Matrix products and attention.
public protocol MatrixOps {
    /// A batch of matrix products with an optional bias `[N]` on every row, `torch.baddbmm`; see `MatmulParams`.
    func matmul(_ a: BufferView, _ b: BufferView, bias: BufferView?, _ params: MatmulParams, into c: BufferView) throws

    /// softmax(q · kᵀ · scale) · v for each head, `torch.nn.functional.scaled_dot_product_attention`.
    ///
    /// q, k, v and y are `[N, T, heads, E]`. The T×T matrix is never stored; `logSumExp` `[N, heads, T]` is written
    /// because the gradient needs it. Dao et al. 2022, "FlashAttention".
    func attention(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, scale: Float, into y: BufferView, logSumExp: BufferView)
        throws

    /// Gradients of `attention` with respect to q, k and v; they overwrite their outputs.
    func attentionBackward(
        _ q: BufferView, _ k: BufferView, _ v: BufferView, output y: BufferView, logSumExp: BufferView,
        upstream: BufferView, scale: Float, into gq: BufferView, _ gk: BufferView, _ gv: BufferView) throws
}

/// Three kernels that compute six ops. The data gradient of a convolution is a transposed convolution with the same
/// weights, and the data gradient of a transposed convolution is a convolution. The weight gradient of a transposed
/// convolution is the weight gradient of a convolution with x and dy swapped.
public protocol ConvolutionOps {
    /// y = conv(x, weight) + bias, `torch.nn.functional.conv3d`.
    ///
    /// x `[N, D, H, W, in]`, weight `[out, in / groups, kd, kh, kw]`, bias `[out]`, y `[N, D', H', W', out]`.
    func conv3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool) throws

    /// y = convᵀ(x, weight) + bias, `torch.nn.functional.conv_transpose3d`; the output padding is part of y's shape.
    ///
    /// x `[N, D, H, W, in]`, weight `[in, out / groups, kd, kh, kw]`, bias `[out]`, y `[N, D', H', W', out]`.
    func convTranspose3d(
        _ x: BufferView, weight: BufferView, bias: BufferView?, _ params: Conv3dParams, into y: BufferView,
        accumulate: Bool) throws

    /// Gradient of `conv3d` with respect to its weight, from its input and the gradient of its output.
    func conv3dBackwardWeight(
        _ x: BufferView, upstream: BufferView, _ params: Conv3dParams, into gw: BufferView, accumulate: Bool) throws
}

/// Batch, instance, group and layer normalisation in one definition; see `NormParams`.
public protocol NormalizationOps {
    /// The mean and the biased variance of each statistics group.
    func normStatistics(_ x: BufferView, _ params: NormParams, into mean: BufferView, _ variance: BufferView) throws

    /// y = (x − mean) / √(variance + ε) · weight + bias; weight and bias are `[C]`. y may be x.
    func normalize(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, into y: BufferView) throws

    /// Gradient of `normalize` when mean and variance are the statistics of x itself. The fields of `gradients` that
    /// belong to an epilogue are nil.
    func normalizeBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        _ params: NormParams, into gradients: NormGradients) throws

    /// y = act(dropout(normalize(x)) + before) + after in one pass. The composed default is the reference in tests. y
    /// may be x or a residual.
    func normActivate(
        _ x: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?, bias: BufferView?,
        _ params: NormParams, _ epilogue: NormEpilogue, into y: BufferView) throws

    /// Gradient of `normActivate`. The composed default is the reference in tests.
    func normActivateBackward(
        _ x: BufferView, upstream: BufferView, mean: BufferView, variance: BufferView, weight: BufferView?,
        bias: BufferView?, _ params: NormParams, _ epilogue: NormEpilogue, into gradients: NormGradients) throws
}

/// Pooling, resampling, and the blending of windows.
public protocol SpatialOps {
    /// The maximum of each box and its index: `indices` are i32, (d·H + h)·W + w within the sample.
    ///
    /// The first of equal values counts, as in PyTorch.
    func maxPool3d(_ x: BufferView, _ params: Pool3dParams, into y: BufferView, indices: BufferView) throws

    /// Gradient of `maxPool3d`: each upstream value is added at the position given by its index.
    func maxPool3dBackward(
        upstream: BufferView, indices: BufferView, _ params: Pool3dParams, into gx: BufferView, accumulate: Bool) throws

    /// Resizes x `[N, D, H, W, C]` to the size of y, `torch.nn.functional.interpolate`.
    func resample3d(_ x: BufferView, _ params: Resample3dParams, into y: BufferView) throws

    /// Gradient of `resample3d`.
    func resample3dBackward(
        upstream: BufferView, _ params: Resample3dParams, into gx: BufferView, accumulate: Bool) throws

    /// Adds weights · window to `sum` and weights to `weightSum`, at an origin; the window must lie inside `sum`.
    ///
    /// window `[d, h, w, C]`, weights `[d, h, w]`, sum `[D, H, W, C]`, weightSum `[D, H, W]`.
    func blendWindow(
        _ window: BufferView, weights: BufferView, at origin: Triple, into sum: BufferView, _ weightSum: BufferView)
        throws

    /// Divides each channel vector of x `[R, C]` by its element of `divisors` `[R]`. y may be x.
    func divideRows(_ x: BufferView, by divisors: BufferView, into y: BufferView) throws
}

/// Losses, fused with the softmax or sigmoid of the logits.
public protocol LossOps {
    /// The loss of `DiceCEParams`: logits `[N, positions…, C]`, labels i32 `[N, positions…]`, loss `[1]`.
    ///
    /// For the gradient, `sums` `[4, N, C]` receives Σ P · G, Σ P (or Σ P²), Σ G and the number of voxels that are not
    /// ignored.
    func diceCELoss(
        _ logits: BufferView, labels: BufferView, _ params: DiceCEParams, into loss: BufferView, sums: BufferView)
        throws

    /// Gradient of `diceCELoss` with respect to the logits, times `upstream` `[1]`.
    func diceCELossBackward(
        _ logits: BufferView, labels: BufferView, sums: BufferView, upstream: BufferView, _ params: DiceCEParams,
        into gx: BufferView, accumulate: Bool) throws

    /// The loss of `FocalParams`: logits `[N, positions…, C]`, labels i32 `[N, positions…]`, loss `[1]`.
    func focalLoss(_ logits: BufferView, labels: BufferView, _ params: FocalParams, into loss: BufferView) throws

    /// Gradient of `focalLoss` with respect to the logits, times `upstream` `[1]`.
    func focalLossBackward(
        _ logits: BufferView, labels: BufferView, upstream: BufferView, _ params: FocalParams, into gx: BufferView,
        accumulate: Bool) throws
}

/// Optimiser steps; one call updates all parameters.
public protocol OptimizerOps {
    /// One step of Adam or AdamW.
    func adamStep(_ slots: [AdamSlot], _ params: AdamParams) throws

    /// One step of SGD.
    func sgdStep(_ slots: [SGDSlot], _ params: SGDParams) throws
}
