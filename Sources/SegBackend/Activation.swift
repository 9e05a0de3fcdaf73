/// A pointwise nonlinearity.
///
/// This file is the table of activations: `entry` gives the names, the number and the parameter of each, and `all`
/// lists them. The code that reads configurations, runs kernels or prints summaries uses this table, and a test
/// compares the numbers with the sources of the kernels.
public enum Activation: Hashable, Sendable {
    /// y = x.
    case identity
    /// max(x, 0), `torch.nn.functional.relu`.
    case relu
    /// x for x > 0, else slope · x, `torch.nn.functional.leaky_relu`.
    case leakyReLU(slope: Float)
    /// x for x > 0, else a learned slope · x: one slope, or one for each channel. He et al. 2015,
    /// `torch.nn.functional.prelu`.
    case prelu
    /// x for x > 0, else alpha · (eˣ − 1). Clevert et al. 2015.
    case elu(alpha: Float)
    /// x · Φ(x), the exact form with erf. Hendrycks and Gimpel 2016.
    case gelu
    /// 1 / (1 + e⁻ˣ).
    case sigmoid
    /// x · sigmoid(alpha · x), `monai.networks.blocks.Swish`, and `torch.nn.functional.silu` if alpha is 1.
    /// Ramachandran et al. 2017.
    case silu(alpha: Float)
}

extension Activation {
    /// Every activation, with PyTorch's default value of its parameter.
    public static let all: [Activation] = [
        .identity, .prelu, .relu, .leakyReLU(slope: 0.01), .elu(alpha: 1), .gelu, .sigmoid, .silu(alpha: 1),
    ]

    /// The names, the number and the parameter of the activation.
    public var entry: Entry {
        switch self {
        case .identity: Entry("identity", number: 0, monai: nil)
        case .relu: Entry("relu", number: 1)
        // PReLU is a leaky ReLU whose slopes are read from an array.
        case .prelu: Entry("prelu", number: 2)
        case .leakyReLU(let slope): Entry("leaky_relu", number: 2, "negative_slope", slope) { .leakyReLU(slope: $0) }
        case .elu(let alpha): Entry("elu", number: 3, "alpha", alpha) { .elu(alpha: $0) }
        case .gelu: Entry("gelu", number: 4)
        case .sigmoid: Entry("sigmoid", number: 5)
        case .silu(let alpha): Entry("silu", number: 6, monai: "swish", "alpha", alpha) { .silu(alpha: $0) }
        }
    }

    /// The activation with a name of `torch.nn.functional`; nil if no activation has the name.
    public static func named(_ name: String) -> Activation? { all.first { $0.entry.name == name } }

    /// The same activation with another value of its parameter; unchanged if it has no parameter.
    public func with(parameter: Float) -> Activation { entry.parameter?.make(parameter) ?? self }

    /// The names of an activation, its number in the kernels and its parameter.
    public struct Entry: Sendable {
        /// The name in `torch.nn.functional`: `leaky_relu`. The kernels' constant is this name in capitals:
        /// `LEAKY_RELU`.
        public let name: String
        /// The number in Sources/CSegCPU/activation.h and Kernels/common/activation.cl.
        public let number: Int
        /// The parameter; nil if the activation has none.
        public let parameter: Parameter?
        /// The name for MONAI's `act` argument: `leakyrelu`; nil if MONAI does not have the activation.
        public let monai: String?

        /// The name in a summary: `leaky relu`.
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

    /// The parameter of an activation.
    public struct Parameter: Sendable {
        /// The name in PyTorch: `negative_slope`.
        public let name: String
        /// The value.
        public let value: Float
        fileprivate let make: @Sendable (Float) -> Activation
    }
}
