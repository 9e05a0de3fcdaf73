public import SegCore
public import SegNN

extension OptimizerKind {
    /// The names that `init(named:_:)` accepts.
    public static let names = ["adam", "adamw", "sgd", "novograd"]

    /// Reads the settings of an optimiser under the argument names of torch and MONAI: `betas`, `eps`, `momentum`, ….
    ///
    /// Keys of the same object that belong to other readers are not checked here.
    /// - Throws: `DataError` naming the key whose value is wrong or, as in torch, has no effect together with other keys.
    ///   If there is no such optimiser, the key is `name`.
    public init(named name: String, _ reader: ConfigReader) throws {
        self = try Self.coded(nil, named: name, by: ConfigCoder(reader))
    }

    /// Reads or writes an optimiser whose object also has other entries.
    /// - Throws: As `init(named:_:)`, when reading.
    public static func coded(_ kind: OptimizerKind?, by coder: ConfigCoder) throws -> OptimizerKind {
        try coded(kind, named: coder.value("name", kind?.name ?? "adam", .text), by: coder)
    }

    private static func coded(
        _ kind: OptimizerKind?, named name: String, by coder: ConfigCoder
    ) throws -> OptimizerKind {
        switch name {
        case "adam", "adamw", "novograd": return try AdaptiveSettings(kind, name).coded(by: coder)
        case "sgd":
            var settings: (momentum: Float, dampening: Float, nesterov: Bool, decay: Float) = (0, 0, false, 0)
            if case .sgd(let momentum, let dampening, let nesterov, let decay) = kind {
                settings = (momentum, dampening, nesterov, decay)
            }
            let momentum = try coder.value("momentum", settings.momentum, .amount)
            let dampening = try coder.value("dampening", settings.dampening, .amount)
            let nesterov = try coder.value("nesterov", settings.nesterov, .bool)
            let isPlain = momentum > 0 && dampening == 0
            try coder.check("nesterov", !nesterov || isPlain, "requires a momentum above 0 and no dampening")
            try coder.check(
                "dampening", dampening == 0 || momentum > 0,
                "does nothing without momentum; give momentum, or leave dampening out")
            return .sgd(
                momentum: momentum, dampening: dampening, nesterov: nesterov,
                weightDecay: try coder.value("weight_decay", settings.decay, .amount))
        default:
            try coder.check(
                "name", false, "'\(name)' is not an optimiser; known: \(names.joined(separator: ", "))")
            preconditionFailure("an optimiser that is written has a known name")
        }
    }

    private var name: String {
        switch self {
        case .adam(_, _, _, _, let decoupled): decoupled ? "adamw" : "adam"
        case .sgd: "sgd"
        case .novograd: "novograd"
        }
    }
}

/// The settings that the optimisers with two moving averages share.
private struct AdaptiveSettings {
    private let name: String
    private var betas: [Float]
    private var epsilon: Float = 1e-8
    private var decay: Float = 0
    private var averages = false

    /// Copies the settings of an optimiser; if it is nil, the settings are the defaults of torch and MONAI.
    init(_ kind: OptimizerKind?, _ name: String) {
        self.name = name
        betas = [0.9, name == "novograd" ? 0.98 : 0.999]
        switch kind {
        case .adam(let beta1, let beta2, let epsilon, let decay, _):
            (betas, self.epsilon, self.decay) = ([beta1, beta2], epsilon, decay)
        case .novograd(let beta1, let beta2, let epsilon, let decay, let averages):
            (betas, self.epsilon, self.decay, self.averages) = ([beta1, beta2], epsilon, decay, averages)
        default: break
        }
    }

    func coded(by coder: ConfigCoder) throws -> OptimizerKind {
        let betas = try coder.value("betas", betas, .numbers)
        try coder.check(
            "betas", betas.count == 2 && betas.allSatisfy { $0 >= 0 && $0 < 1 },
            "should be two numbers of at least 0 and below 1, not \(betas)")
        let epsilon = try coder.value("eps", epsilon, .amount)
        let decay = try coder.value("weight_decay", decay, .amount)
        guard name == "novograd" else {
            return .adam(
                beta1: betas[0], beta2: betas[1], epsilon: epsilon, weightDecay: decay, decoupled: name == "adamw")
        }
        return .novograd(
            beta1: betas[0], beta2: betas[1], epsilon: epsilon, weightDecay: decay,
            averages: try coder.value("grad_averaging", averages, .bool))
    }
}
