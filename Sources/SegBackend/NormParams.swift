/// Over which elements a normalisation takes its mean and variance, and what it adds to the variance.
///
/// With x as `[N, positions, C]`, statistics are held as: batch `[C]`, instance `[N, C]`, group `[N, groups]`,
/// layer `[N · positions]` (one for each channel vector). Variance is the biased one everywhere.
public struct NormParams: Hashable, Sendable {
    /// Which elements share statistics.
    public enum Kind: Hashable, Sendable {
        /// A channel over the whole batch, `torch.nn.functional.batch_norm(training=True)`.
        case batch
        /// A channel of one sample, `torch.nn.functional.instance_norm`.
        case instance
        /// A run of C / groups channels of one sample, `torch.nn.functional.group_norm`.
        case group(Int)
        /// The channels of one position, `torch.nn.functional.layer_norm(x, [C])`.
        case layer
    }

    /// Which elements share statistics.
    public var kind: Kind
    /// Added to the variance before the square root.
    public var epsilon: Float

    /// Makes normalisation parameters.
    public init(kind: Kind, epsilon: Float) {
        self.kind = kind
        self.epsilon = epsilon
    }

    /// The shape of the mean and of the variance of an input.
    public func statisticsShape(of x: Shape) -> Shape {
        switch kind {
        case .batch: [x.channels]
        case .instance: [x.batch, x.channels]
        case .group(let groups): [x.batch, groups]
        case .layer: [x.rows]
        }
    }
}

/// What a fused normalisation does after normalising: dropout, then activation, with an optional residual.
///
/// y = act(dropout(norm(x)) + before) + after, MONAI's order "NDA" with `before` and `after` absent.
public struct NormEpilogue: Sendable {
    /// Dropout after the normalisation, if any.
    public var dropout: DropoutParams?
    /// The nonlinearity.
    public var activation: Activation
    /// PReLU's slopes, `[1]` or `[C]`.
    public var slope: BufferView?
    /// Added before the activation, shape of x (VNet, UNETR).
    public var residualBefore: BufferView?
    /// Added after the activation, shape of x (MONAI's ResidualUnit).
    public var residualAfter: BufferView?

    /// Makes an epilogue.
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

/// Where a normalisation's gradients go; an absent one is not computed.
///
/// The gradients of parameters are added to what is there; so is that of x when `accumulate` is true. The gradient
/// of `residualBefore` is written; that of `residualAfter` is the upstream gradient itself. Overwritten, x's gradient may
/// lie where x does.
public struct NormGradients: Sendable {
    /// Gradient of the input.
    public var x: BufferView
    /// Add to `x` rather than overwrite it.
    public var accumulate: Bool
    /// Gradient of the scale, `[C]`, added to.
    public var weight: BufferView?
    /// Gradient of the shift, `[C]`, added to.
    public var bias: BufferView?
    /// Gradient of PReLU's slopes, added to.
    public var slope: BufferView?
    /// Gradient of the residual before the activation, overwritten.
    public var residualBefore: BufferView?

    /// Names where the gradients go.
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
