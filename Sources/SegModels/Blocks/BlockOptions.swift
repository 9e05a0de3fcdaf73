public import SegBackend
internal import SegNN

/// The values of MONAI's `act`, `norm`, `dropout`, `bias` and `adn_ordering` arguments, which its networks share.
public struct BlockOptions: Hashable, Sendable {
    /// A normalisation and its arguments: `.batch()`, `.instance()`, `.group(8)`.
    public struct NormOption: Hashable, Sendable {
        /// The kind of norm and its ε.
        public var params: NormParams
        /// Whether the norm has a scale and a shift.
        public var affine: Bool
        /// The weight of the newest batch in batch norm's running statistics.
        public var momentum: Float
    }

    /// An activation and PReLU's arguments: `.relu`, `.leakyReLU(slope: 0.01)`, `.prelu`.
    public struct ActivationOption: Hashable, Sendable {
        /// The activation function.
        public var activation: Activation
        /// The number of PReLU slopes: 1, or one per channel.
        public var slopeCount = 1
        /// The initial value of PReLU's slopes.
        public var slopeInitial: Float = 0.25

        /// Creates the option; the slope arguments apply to PReLU only and default to PyTorch's.
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
    /// The dropout probability.
    public var dropout: Float
    /// Whether convolutions have a bias.
    public var bias: Bool
    /// The steps A (activation), D (dropout) and N (norm) as letters, in the order in which they are applied.
    public var ordering: String

    /// Creates options, by default those of MONAI's `Convolution`: an instance norm, PReLU, no dropout, a bias, order "NDA".
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

    /// `torch.nn.GroupNorm` with this number of groups.
    public static func group(_ groups: Int, epsilon: Float = 1e-5, affine: Bool = true) -> Self {
        Self(params: NormParams(kind: .group(groups), epsilon: epsilon), affine: affine, momentum: 0)
    }
}

extension BlockOptions.ActivationOption {
    /// `torch.nn.PReLU` with one slope.
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
