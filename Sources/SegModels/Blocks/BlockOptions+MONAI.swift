internal import SegBackend
internal import SegCore

extension BlockOptions {
    /// Reads `act`, `norm`, `dropout`, `bias` and `adn_ordering`, arguments of several MONAI networks.
    /// - Throws: `DataError` naming an argument that is unknown or not supported.
    init(_ reader: ConfigReader, defaultNorm: String) throws {
        activation = reader.isNull("act") ? nil : try Self.activation(reader, "act", default: "prelu")
        norm = reader.isNull("norm") ? nil : try Self.norm(reader, "norm", default: defaultNorm)
        dropout = try Self.dropout(reader, "dropout")
        bias = try reader.bool("bias") ?? true
        ordering = try reader.string("adn_ordering")?.uppercased() ?? "NDA"
        guard Set(ordering).isSubset(of: "NDA"), Set(ordering).count == ordering.count else {
            throw reader.error("adn_ordering", "'\(ordering)' should consist of the letters N, D, A, each at most once")
        }
    }

    /// Reads a factory argument: a name, or a list of a name and an object of arguments.
    private static func named(
        _ reader: ConfigReader, _ key: String, default name: String
    ) throws -> (name: String, arguments: ConfigReader) {
        let none = try ConfigReader([:], path: "network_def." + key, source: reader.source)
        guard let value = reader.value(key) else { return (name, none) }
        if case .string(let name) = value { return (name.lowercased(), none) }
        if case .array(let pair) = value, pair.count == 2, case .string(let name) = pair[0] {
            if case .object(let arguments) = pair[1], let null = arguments.first(where: { $0.value == .null })?.key {
                throw reader.error(key, "\(null) is null, which is not supported; leave it out for the default")
            }
            return (name.lowercased(), try ConfigReader(pair[1], path: "network_def." + key, source: reader.source))
        }
        throw reader.error(key, "should be a name or [name, {arguments}], not \(value)")
    }

    /// Reads an activation argument: a name or `[name, {arguments}]`.
    static func activation(_ reader: ConfigReader, _ key: String, default name: String) throws -> ActivationOption {
        let (name, arguments) = try named(reader, key, default: name)
        arguments.ignore("inplace")
        guard var activation = Activation.all.first(where: { $0.entry.monai == name }) else {
            let names = Activation.all.compactMap(\.entry.monai).joined(separator: ", ")
            throw reader.error(key, "'\(name)' is not supported; supported: \(names)")
        }
        if let parameter = activation.entry.parameter, let value = try arguments.double(parameter.name) {
            activation = activation.with(parameter: Float(value))
        }
        var option = ActivationOption(activation: activation)
        if activation == .prelu {
            option.slopeCount = try arguments.int("num_parameters") ?? 1
            option.slopeInitial = Float(try arguments.double("init") ?? 0.25)
        }
        try arguments.finish()
        return option
    }

    /// Reads a normalisation argument: a name or `[name, {arguments}]`.
    /// - Parameter hasAffine: Whether an instance norm is affine if its arguments do not contain `affine`.
    static func norm(
        _ reader: ConfigReader, _ key: String, default name: String, affine hasAffine: Bool = false
    ) throws -> NormOption {
        let (name, arguments) = try named(reader, key, default: name)
        let epsilon = Float(try arguments.double("eps") ?? 1e-5)
        let affine = try arguments.bool("affine")
        let option: NormOption
        switch name {
        case "batch":
            option = NormOption(
                params: NormParams(kind: .batch, epsilon: epsilon), affine: affine ?? true,
                momentum: Float(try arguments.double("momentum") ?? 0.1))
        case "instance", "instance_nvfuser":
            // NVFuser's instance norm is the same norm in one kernel, and it is always affine.
            let isFused = name == "instance_nvfuser"
            guard !isFused || affine != false else { throw reader.error(key, "instance_nvfuser is always affine") }
            option = NormOption(
                params: NormParams(kind: .instance, epsilon: epsilon), affine: affine ?? (hasAffine || isFused),
                momentum: 0)
        case "group":
            let groups = try arguments.required("num_groups", arguments.positive("num_groups"))
            option = NormOption(
                params: NormParams(kind: .group(groups), epsilon: epsilon), affine: affine ?? true, momentum: 0)
        default:
            throw reader.error(key, "'\(name)' is not supported; supported: batch, instance, instance_nvfuser, group")
        }
        if let track = try arguments.bool("track_running_stats"), track != (name == "batch") {
            throw reader.error(key, "track_running_stats: \(track) is not supported for \(name) norm")
        }
        try arguments.finish()
        return option
    }

    /// Reads a dropout argument: a probability or `[name, {arguments}]`.
    static func dropout(_ reader: ConfigReader, _ key: String) throws -> Float {
        guard let value = reader.value(key) else { return 0 }
        var number = value.number
        if case .array = value {
            let (name, arguments) = try named(reader, key, default: "dropout")
            guard name == "dropout" else { throw reader.error(key, "'\(name)' is not supported; use dropout") }
            arguments.ignore("inplace")
            number = try arguments.double("p") ?? 0.5
            try arguments.finish()
        }
        guard let probability = number.flatMap(ConfigReader.probability(of:)) else {
            throw reader.error(key, "should be a probability of at least 0 and below 1, not \(value)")
        }
        return probability
    }
}

extension BlockOptions.NormOption {
    /// The value of MONAI's `norm` argument: `["batch", {"affine": true, …}]`.
    var value: ConfigValue {
        var arguments: [String: ConfigValue] = ["eps": .double(params.epsilon.decimal), "affine": .bool(affine)]
        switch params.kind {
        case .batch:
            arguments["momentum"] = .double(momentum.decimal)
            return ["batch", .object(arguments)]
        case .instance: return ["instance", .object(arguments)]
        case .group(let groups):
            arguments["num_groups"] = .int(groups)
            return ["group", .object(arguments)]
        // The code that reads this value refuses it, because no MONAI block has a layer norm.
        case .layer: return ["layer", .object(arguments)]
        }
    }
}

extension BlockOptions.ActivationOption {
    /// The value of MONAI's `act` argument: `"relu"`, `["elu", {"alpha": 1}]`.
    var value: ConfigValue {
        let entry = activation.entry
        // null means no activation. The code that reads the name of any other activation that MONAI lacks refuses it.
        guard let name = entry.monai else { return activation == .identity ? .null : .string(entry.name) }
        if activation == .prelu, self != .prelu {
            return [
                .string(name), ["num_parameters": .int(slopeCount), "init": .double(slopeInitial.decimal)],
            ]
        }
        guard let parameter = entry.parameter else { return .string(name) }
        return [.string(name), [parameter.name: .double(parameter.value.decimal)]]
    }
}

extension Float {
    /// The double with the fewest digits that rounds to this 32-bit number: 0.1, not 0.10000000149.
    var decimal: Double { Double(description) ?? Double(self) }
}
