/// A pointwise nonlinearity.
///
/// This file is the table of activations: `entry` has each one's names, number and parameter, `all` lists them. What
/// reads configurations, runs kernels or prints summaries takes them from here, and a test holds the numbers against the
/// sources of the kernels.
public enum Activation: Hashable, Sendable {
    /// y = x.
    case identity
    /// max(x, 0), `torch.nn.functional.relu`.
    case relu
    /// x for x > 0, else slope · x, `torch.nn.functional.leaky_relu`.
    case leakyReLU(slope: Float)
    /// x for x > 0, else a learned slope · x: one slope, or one for each channel. He et al. 2015.
    case prelu
    /// x for x > 0, else alpha · (eˣ − 1). Clevert et al. 2015.
    case elu(alpha: Float)
    /// x · Φ(x), the exact form with erf. Hendrycks and Gimpel 2016.
    case gelu
    /// 1 / (1 + e⁻ˣ).
    case sigmoid
    /// x · sigmoid(alpha · x), `monai.networks.blocks.Swish`, and `torch.nn.functional.silu` where alpha is 1.
    /// Ramachandran et al. 2017.
    case silu(alpha: Float)
}

extension Activation {
    /// Every activation, with PyTorch's default of its parameter.
    public static let all: [Activation] = [
        .identity, .prelu, .relu, .leakyReLU(slope: 0.01), .elu(alpha: 1), .gelu, .sigmoid, .silu(alpha: 1),
    ]

    /// Names, number and parameter.
    public var entry: Entry {
        switch self {
        case .identity: Entry("identity", number: 0, monai: nil)
        case .relu: Entry("relu", number: 1)
        // PReLU is a leaky ReLU whose slopes stand in an array.
        case .prelu: Entry("prelu", number: 2)
        case .leakyReLU(let slope): Entry("leaky_relu", number: 2, "negative_slope", slope) { .leakyReLU(slope: $0) }
        case .elu(let alpha): Entry("elu", number: 3, "alpha", alpha) { .elu(alpha: $0) }
        case .gelu: Entry("gelu", number: 4)
        case .sigmoid: Entry("sigmoid", number: 5)
        case .silu(let alpha): Entry("silu", number: 6, monai: "swish", "alpha", alpha) { .silu(alpha: $0) }
        }
    }

    /// The activation of a name of `torch.nn.functional`.
    public static func named(_ name: String) -> Activation? { all.first { $0.entry.name == name } }

    /// The same activation with another parameter.
    public func with(parameter: Float) -> Activation { entry.parameter?.make(parameter) ?? self }

    /// What names and kernels call an activation.
    public struct Entry: Sendable {
        /// Its name in `torch.nn.functional`: `leaky_relu`. The kernels' number is called after it: `LEAKY_RELU`.
        public let name: String
        /// Its number in Sources/CSegCPU/activation.h and Kernels/common/activation.cl.
        public let number: Int
        /// Its parameter; nil where it has none.
        public let parameter: Parameter?
        /// Its name among MONAI's `act`: `leakyrelu`; nil where MONAI has none.
        public let monai: String?

        /// Its name in a summary: `leaky relu`.
        public var words: String { name.split(separator: "_").joined(separator: " ") }

        fileprivate init(_ name: String, number: Int, monai: String?) {
            (self.name, self.number, self.monai, parameter) = (name, number, monai, nil)
        }

        fileprivate init(_ name: String, number: Int) {
            self.init(name, number: number, monai: name.split(separator: "_").joined())
        }

        fileprivate init(
            _ name: String, number: Int, monai: String? = nil, _ parameter: String, _ value: Float,
            make: @escaping @Sendable (Float) -> Activation
        ) {
            (self.name, self.number) = (name, number)
            self.monai = monai ?? name.split(separator: "_").joined()
            self.parameter = Parameter(name: parameter, value: value, make: make)
        }
    }

    /// What an activation can be set to.
    public struct Parameter: Sendable {
        /// Its name in PyTorch: `negative_slope`.
        public let name: String
        /// Its value.
        public let value: Float
        fileprivate let make: @Sendable (Float) -> Activation
    }
}
