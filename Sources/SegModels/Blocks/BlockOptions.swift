public import SegBackend
internal import SegNN

/// What MONAI's `act`, `norm`, `dropout`, `bias` and `adn_ordering` arguments say, shared by its networks.
public struct BlockOptions: Hashable, Sendable {
    /// Which normalisation, with its arguments: `.batch()`, `.instance()`, `.group(8)`.
    public struct NormOption: Hashable, Sendable {
        /// Over which elements, with which ε.
        public var params: NormParams
        /// Whether it has a scale and a shift.
        public var affine: Bool
        /// Share of the newest batch in batch norm's running statistics.
        public var momentum: Float
    }

    /// Which activation, with PReLU's arguments: `.relu`, `.leakyReLU(slope: 0.01)`, `.prelu`.
    public struct ActivationOption: Hashable, Sendable {
        /// Which nonlinearity.
        public var activation: Activation
        /// PReLU's slopes: 1, or one for each channel.
        public var slopeCount = 1
        /// What each of PReLU's slopes begins as.
        public var slopeInitial: Float = 0.25

        /// An activation, with PyTorch's PReLU where it is that.
        public init(activation: Activation, slopeCount: Int = 1, slopeInitial: Float = 0.25) {
            self.activation = activation
            self.slopeCount = slopeCount
            self.slopeInitial = slopeInitial
        }
    }

    /// The activation; nil for none.
    public var activation: ActivationOption?
    /// The normalisation; nil for none.
    public var norm: NormOption?
    /// Probability of dropout.
    public var dropout: Float
    /// Whether convolutions have a bias.
    public var bias: Bool
    /// Letters of A (activation), D (dropout), N (norm), in the order they are applied.
    public var ordering: String

    /// MONAI's defaults of `Convolution`: an instance norm, PReLU, no dropout, a bias, in the order "NDA".
    public init(
        activation: ActivationOption? = .prelu, norm: NormOption? = .instance(), dropout: Float = 0, bias: Bool = true,
        ordering: String = "NDA"
    ) {
        self.activation = activation
        self.norm = norm
        self.dropout = dropout
        self.bias = bias
        self.ordering = ordering
    }
}

extension BlockOptions.NormOption {
    /// `torch.nn.BatchNorm3d`.
    public static func batch(epsilon: Float = 1e-5, momentum: Float = 0.1, affine: Bool = true) -> Self {
        Self(params: NormParams(kind: .batch, epsilon: epsilon), affine: affine, momentum: momentum)
    }

    /// `torch.nn.InstanceNorm3d`.
    public static func instance(epsilon: Float = 1e-5, affine: Bool = false) -> Self {
        Self(params: NormParams(kind: .instance, epsilon: epsilon), affine: affine, momentum: 0)
    }

    /// `torch.nn.GroupNorm` of so many groups.
    public static func group(_ groups: Int, epsilon: Float = 1e-5, affine: Bool = true) -> Self {
        Self(params: NormParams(kind: .group(groups), epsilon: epsilon), affine: affine, momentum: 0)
    }
}

extension BlockOptions.ActivationOption {
    /// `torch.nn.PReLU` of one slope.
    public static let prelu = Self(activation: .prelu)
    /// `torch.nn.ReLU`.
    public static let relu = Self(activation: .relu)
    /// `torch.nn.GELU`.
    public static let gelu = Self(activation: .gelu)

    /// `torch.nn.LeakyReLU`.
    public static func leakyReLU(slope: Float = 0.01) -> Self { Self(activation: .leakyReLU(slope: slope)) }

    /// `torch.nn.ELU`.
    public static func elu(alpha: Float = 1) -> Self { Self(activation: .elu(alpha: alpha)) }
}
