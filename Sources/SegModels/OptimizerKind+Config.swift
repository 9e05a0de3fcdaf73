public import SegCore
public import SegNN

extension OptimizerKind {
    /// The names `init(named:_:)` takes.
    public static let names = ["adam", "adamw", "sgd", "novograd"]

    /// Reads the settings of an optimiser under the names that torch's and MONAI's take: `betas`, `eps`, `momentum`, ….
    /// - Throws: `DataError` naming the key that is wrong, or `name` where no optimiser is called so.
    public init(named name: String, _ reader: ConfigReader) throws {
        let decay = Float(try reader.double("weight_decay") ?? 0)
        switch name {
        case "adam", "adamw", "novograd":
            let betas = try reader.doubles("betas") ?? [0.9, name == "novograd" ? 0.98 : 0.999]
            guard betas.count == 2, betas.allSatisfy({ $0 >= 0 && $0 < 1 }) else {
                throw reader.error("betas", "should be two numbers of at least 0 and below 1, not \(betas)")
            }
            let (beta1, beta2) = (Float(betas[0]), Float(betas[1]))
            let epsilon = Float(try reader.double("eps") ?? 1e-8)
            self =
                name == "novograd"
                ? .novograd(
                    beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: decay,
                    averages: try reader.bool("grad_averaging") ?? false)
                : .adam(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: decay, decoupled: name == "adamw")
        case "sgd":
            self = .sgd(
                momentum: Float(try reader.double("momentum") ?? 0),
                dampening: Float(try reader.double("dampening") ?? 0), nesterov: try reader.bool("nesterov") ?? false,
                weightDecay: decay)
        default:
            throw reader.error(
                "name", "'\(name)' is not an optimiser; known: \(Self.names.joined(separator: ", "))")
        }
    }

    /// The entries that `init(named:_:)` reads, with `name`.
    public var entries: [String: ConfigValue] {
        switch self {
        case .adam(let beta1, let beta2, let epsilon, let decay, let decoupled):
            [
                "name": decoupled ? "adamw" : "adam", "betas": [.number(beta1), .number(beta2)],
                "eps": .number(epsilon), "weight_decay": .number(decay),
            ]
        case .sgd(let momentum, let dampening, let nesterov, let decay):
            [
                "name": "sgd", "momentum": .number(momentum), "dampening": .number(dampening),
                "nesterov": .bool(nesterov), "weight_decay": .number(decay),
            ]
        case .novograd(let beta1, let beta2, let epsilon, let decay, let averages):
            [
                "name": "novograd", "betas": [.number(beta1), .number(beta2)], "eps": .number(epsilon),
                "weight_decay": .number(decay), "grad_averaging": .bool(averages),
            ]
        }
    }
}

extension ConfigValue {
    /// A 32-bit number as it would be written by hand: 0.9, not the 0.899999976 that it is.
    public static func number(_ value: Float) -> ConfigValue { .double(Double("\(value)") ?? Double(value)) }
}
