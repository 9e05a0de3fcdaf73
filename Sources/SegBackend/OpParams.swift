public import SegCore

/// c = alpha · op(a) · op(b) + bias + beta · c, over a batch of matrices.
///
/// a is `[B, M, K]` (`[B, K, M]` when transposed), b is `[B, K, N]` (`[B, N, K]` when transposed), c is `[B, M, N]`.
/// A batch size of 1 in a or b is broadcast to every matrix of the batch.
public struct MatmulParams: Hashable, Sendable {
    /// Whether a is stored transposed.
    public var transposeA: Bool
    /// Whether b is stored transposed.
    public var transposeB: Bool
    /// The factor of the product.
    public var alpha: Float
    /// The factor of the previous contents of c; 0 overwrites them, NaN included.
    public var beta: Float

    /// Creates the parameters of a matrix product.
    public init(transposeA: Bool, transposeB: Bool, alpha: Float, beta: Float) {
        self.transposeA = transposeA
        self.transposeB = transposeB
        self.alpha = alpha
        self.beta = beta
    }
}

/// Elementwise arithmetic of two tensors, by the rules of IEEE 754, NaN and infinities included.
public enum BinaryOp: String, KernelNumbered {
    /// a + b.
    case add
    /// a − b.
    case subtract
    /// a · b.
    case multiply
    /// a / b.
    case divide
    /// The larger number, `torch.maximum`; NaN if either is NaN.
    case maximum
    /// The smaller number, `torch.minimum`; NaN if either is NaN.
    case minimum
    /// aᵇ, `torch.pow`.
    case power
    /// 1 if a = b, else 0.
    case equal
    /// 1 if a < b, else 0.
    case less
    /// 1 if a ≤ b, else 0.
    case lessOrEqual
    /// a if b is not 0, else 0, even if a is NaN or infinite.
    case mask
}

/// Elementwise arithmetic of one tensor, by the rules of IEEE 754, NaN and infinities included.
public enum UnaryOp: String, KernelNumbered {
    /// eˣ, `torch.exp`.
    case exp
    /// The natural logarithm, `torch.log`.
    case log
    /// log(1 + x), exact for small x, `torch.log1p`.
    case log1p
    /// √x, `torch.sqrt`.
    case sqrt
    /// 1 / x, `torch.reciprocal`.
    case reciprocal
    /// |x|, `torch.abs`.
    case abs
    /// −1, 0 or 1, `torch.sign`; 0 for NaN.
    case sign
}

/// The function that a reduction computes.
public enum ReduceOp: String, Sendable, CaseIterable {
    /// Σ x.
    case sum
    /// Σ x / n.
    case mean
    /// The largest x; NaN if any x is NaN.
    case max
}

/// The geometry of max pooling, `torch.nn.functional.max_pool3d`; padding counts as −∞.
public struct Pool3dParams: Hashable, Sendable {
    /// The kernel size.
    public var kernel: Triple
    /// The stride.
    public var stride: Triple
    /// The number of positions added on each side.
    public var padding: Triple

    /// Creates a pooling geometry.
    public init(kernel: Triple, stride: Triple, padding: Triple) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
    }

    /// The output size: ⌊(n + 2p − k) / s⌋ + 1.
    public func outputSize(of input: Triple) -> Triple {
        Conv3dParams(kernel: kernel, stride: stride, padding: padding, dilation: Triple(1), groups: 1)
            .outputSize(of: input)
    }
}

/// The interpolation of `resample3d`, `torch.nn.functional.interpolate` without `recompute_scale_factor`.
public struct Resample3dParams: Hashable, Sendable {
    /// The interpolation method.
    public enum Mode: Hashable, Sendable {
        /// The voxel whose index is ⌊i · in / out⌋, torch's "nearest".
        case nearest
        /// Trilinear between the eight neighbours, clamped at the border.
        case trilinear
    }

    /// The interpolation method.
    public var mode: Mode
    /// Whether the centres of the corner voxels coincide (torch's `align_corners=True`); only for trilinear.
    public var alignCorners: Bool

    /// Creates resampling parameters.
    public init(mode: Mode, alignCorners: Bool) {
        self.mode = mode
        self.alignCorners = alignCorners
    }
}
