public import SegCore
public import SegNN

extension OptimizerKind {
    /// The names `init(named:_:)` takes.
    public static let names = ["adam", "adamw", "sgd", "novograd"]

    /// Reads the settings of an optimiser under the names that torch's and MONAI's take: `betas`, `eps`, `momentum`, ….
    /// - Throws: `DataError` naming the key that is wrong or does nothing beside the others, as in torch, or `name`
    ///   where no optimiser is called so.
    public init(named name: String, _ reader: ConfigReader) throws {
        let decay = try Self.amount(reader, "weight_decay")
        switch name {
        case "adam", "adamw", "novograd":
            let betas = try reader.doubles("betas") ?? [0.9, name == "novograd" ? 0.98 : 0.999]
            guard betas.count == 2, betas.allSatisfy({ $0 >= 0 && $0 < 1 }) else {
                throw reader.error("betas", "should be two numbers of at least 0 and below 1, not \(betas)")
            }
            let (beta1, beta2) = (Float(betas[0]), Float(betas[1]))
            let epsilon = try Self.amount(reader, "eps", usual: 1e-8)
            self =
                name == "novograd"
                ? .novograd(
                    beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: decay,
                    averages: try reader.bool("grad_averaging") ?? false)
                : .adam(beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: decay, decoupled: name == "adamw")
        case "sgd":
            let momentum = try Self.amount(reader, "momentum")
            let dampening = try Self.amount(reader, "dampening")
            let nesterov = try reader.bool("nesterov") ?? false
            guard !nesterov || (momentum > 0 && dampening == 0) else {
                throw reader.error("nesterov", "takes a momentum above 0 and no dampening")
            }
            guard dampening == 0 || momentum > 0 else {
                throw reader.error("dampening", "does nothing without momentum; give momentum, or leave it out")
            }
            self = .sgd(momentum: momentum, dampening: dampening, nesterov: nesterov, weightDecay: decay)
        default:
            throw reader.error(
                "name", "'\(name)' is not an optimiser; known: \(Self.names.joined(separator: ", "))")
        }
    }

    /// A number of at least 0.
    private static func amount(_ reader: ConfigReader, _ key: String, usual: Double = 0) throws -> Float {
        let amount = try reader.double(key) ?? usual
        guard amount >= 0, amount.isFinite else {
            throw reader.error(key, "should be a number of at least 0, not \(amount)")
        }
        return Float(amount)
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
