public import SegCore

/// c = alpha · op(a) · op(b) + bias + beta · c, over a batch of matrices.
///
/// a is `[B, M, K]` (`[B, K, M]` when transposed), b is `[B, K, N]` (`[B, N, K]` when transposed), c is `[B, M, N]`.
/// A batch extent of 1 in a or b serves every matrix of the batch.
public struct MatmulParams: Hashable, Sendable {
    /// a is stored transposed.
    public var transposeA: Bool
    /// b is stored transposed.
    public var transposeB: Bool
    /// Factor of the product.
    public var alpha: Float
    /// Factor of what c holds already; 0 overwrites it, NaN included.
    public var beta: Float

    /// Makes matrix product parameters.
    public init(transposeA: Bool, transposeB: Bool, alpha: Float, beta: Float) {
        self.transposeA = transposeA
        self.transposeB = transposeB
        self.alpha = alpha
        self.beta = beta
    }
}

/// Arithmetic of two tensors, element by element; numbers are IEEE's, NaN and infinities included.
public enum BinaryOp: String, KernelNumbered {
    /// a + b.
    case add
    /// a − b.
    case subtract
    /// a · b.
    case multiply
    /// a / b.
    case divide
    /// The larger, `torch.maximum`; NaN where either is NaN.
    case maximum
    /// The smaller, `torch.minimum`; NaN where either is NaN.
    case minimum
    /// aᵇ, `torch.pow`.
    case power
    /// 1 where a = b, else 0.
    case equal
    /// 1 where a < b, else 0.
    case less
    /// 1 where a ≤ b, else 0.
    case lessOrEqual
    /// a where b is not 0, else 0, whatever a is there.
    case mask
}

/// Arithmetic of one tensor, element by element; numbers are IEEE's, NaN and infinities included.
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

/// What a reduction computes.
public enum ReduceOp: String, Sendable, CaseIterable {
    /// Σ x.
    case sum
    /// Σ x / n.
    case mean
    /// The largest x; NaN where any is NaN.
    case max
}

/// Geometry of max pooling, `torch.nn.functional.max_pool3d`; padding counts as −∞.
public struct Pool3dParams: Hashable, Sendable {
    /// Extents of the pooled box.
    public var kernel: Triple
    /// Step between outputs.
    public var stride: Triple
    /// Positions added on either side.
    public var padding: Triple

    /// Makes a pooling geometry.
    public init(kernel: Triple, stride: Triple, padding: Triple) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
    }

    /// Output extents: ⌊(n + 2p − k) / s⌋ + 1.
    public func outputSize(of input: Triple) -> Triple {
        Conv3dParams(kernel: kernel, stride: stride, padding: padding, dilation: Triple(1), groups: 1)
            .outputSize(of: input)
    }
}

/// How `resample3d` reads between voxels, `torch.nn.functional.interpolate` without a recomputed scale.
public struct Resample3dParams: Hashable, Sendable {
    /// Interpolation.
    public enum Mode: Hashable, Sendable {
        /// The voxel whose index is ⌊(i) · in / out⌋, torch's "nearest".
        case nearest
        /// Between the eight neighbours, clamped at the border.
        case trilinear
    }

    /// Interpolation.
    public var mode: Mode
    /// Corner voxels' centres coincide (torch's `align_corners=True`); only for trilinear.
    public var alignCorners: Bool

    /// Makes resampling parameters.
    public init(mode: Mode, alignCorners: Bool) {
        self.mode = mode
        self.alignCorners = alignCorners
    }
}
