/// The elements over which a normalisation computes its mean and variance, and the number that is added to the
/// variance.
///
/// With x as `[N, positions, C]`, the shape of the statistics is: batch `[C]`, instance `[N, C]`, group `[N, groups]`,
/// layer `[N · positions]` (one for each channel vector). The variance is always the biased one.
public struct NormParams: Hashable, Sendable {
    /// The elements that share statistics.
    public enum Kind: Hashable, Sendable {
        /// A channel over the whole batch, `torch.nn.functional.batch_norm(training=True)`.
        case batch
        /// A channel of one sample, `torch.nn.functional.instance_norm`.
        case instance
        /// C / groups neighbouring channels of one sample, `torch.nn.functional.group_norm`.
        case group(Int)
        /// The channels of one position, `torch.nn.functional.layer_norm(x, [C])`.
        case layer
    }

    /// The elements that share statistics.
    public var kind: Kind
    /// The number added to the variance before the square root.
    public var epsilon: Float

    /// Creates normalisation parameters.
    public init(kind: Kind, epsilon: Float) {
        self.kind = kind
        self.epsilon = epsilon
    }

    /// The shape of the mean and of the variance for an input.
    public func statisticsShape(of x: Shape) -> Shape {
        switch kind {
        case .batch: [x.channels]
        case .instance: [x.batch, x.channels]
        case .group(let groups): [x.batch, groups]
        case .layer: [x.rows]
        }
    }
}

/// The steps of a fused normalisation after normalising: dropout, then activation, with optional residuals.
///
/// y = act(dropout(norm(x)) + before) + after; MONAI's order "NDA" if `before` and `after` are nil.
public struct NormEpilogue: Sendable {
    /// The dropout after the normalisation; nil for none.
    public var dropout: DropoutParams?
    /// The activation.
    public var activation: Activation
    /// PReLU's slopes, `[1]` or `[C]`.
    public var slope: BufferView?
    /// The residual added before the activation, with the shape of x (VNet, UNETR).
    public var residualBefore: BufferView?
    /// The residual added after the activation, with the shape of x (MONAI's ResidualUnit).
    public var residualAfter: BufferView?

    /// Creates an epilogue.
    public init(
        dropout: DropoutParams?, activation: Activation, slope: BufferView?, residualBefore: BufferView?,
        residualAfter: BufferView?
    ) {
        self.dropout = dropout
        self.activation = activation
        self.slope = slope
        self.residualBefore = residualBefore
        self.residualAfter = residualAfter
    }
}

/// The outputs of a normalisation's gradients; a gradient without an output is not computed.
///
/// The gradients of parameters are added to their arrays. The gradient of x is added to its array if `accumulate` is
/// true, and otherwise overwrites it; then its array may be x itself. The gradient of `residualBefore` overwrites its
/// array. The gradient of `residualAfter` is the upstream gradient itself.
public struct NormGradients: Sendable {
    /// The gradient of the input.
    public var x: BufferView
    /// Whether the gradient is added to `x` instead of overwriting it.
    public var accumulate: Bool
    /// The gradient of the scale, `[C]`, added to.
    public var weight: BufferView?
    /// The gradient of the shift, `[C]`, added to.
    public var bias: BufferView?
    /// The gradient of PReLU's slopes, added to.
    public var slope: BufferView?
    /// The gradient of the residual before the activation, overwritten.
    public var residualBefore: BufferView?

    /// Creates the set of outputs.
    public init(
        x: BufferView, accumulate: Bool, weight: BufferView?, bias: BufferView?, slope: BufferView?,
        residualBefore: BufferView?
    ) {
        self.x = x
        self.accumulate = accumulate
        self.weight = weight
        self.bias = bias
        self.slope = slope
        self.residualBefore = residualBefore
    }
}
