internal import SegBackend

extension BlockOptions {
    /// Reads `act`, `norm`, `dropout`, `bias` and `adn_ordering` as MONAI's networks take them.
    /// - Throws: `ConfigError` naming an argument that is unknown or not supported.
    init(_ reader: ConfigReader, defaultNorm: String) throws {
        activation = try Self.activation(reader)
        norm = try Self.norm(reader, defaultName: defaultNorm)
        dropout = try Self.dropout(reader)
        bias = try reader.bool("bias") ?? true
        ordering = try reader.string("adn_ordering") ?? "NDA"
        guard Set(ordering).isSubset(of: "NDA"), Set(ordering).count == ordering.count else {
            throw reader.error("adn_ordering", "'\(ordering)' should hold each of the letters N, D, A at most once")
        }
    }

    /// A factory argument: a name, or a list of a name and an object of arguments.
    private static func named(
        _ reader: ConfigReader, _ key: String, default name: String
    ) throws -> (name: String, arguments: ConfigReader) {
        let none = try ConfigReader([:], path: "network_def." + key, source: reader.source)
        guard let value = reader.value(key) else { return (name, none) }
        if case .string(let name) = value { return (name.lowercased(), none) }
        if case .array(let pair) = value, pair.count == 2, case .string(let name) = pair[0] {
            return (name.lowercased(), try ConfigReader(pair[1], path: "network_def." + key, source: reader.source))
        }
        throw reader.error(key, "should be a name or [name, {arguments}], not \(value)")
    }

    private static func activation(_ reader: ConfigReader) throws -> ActivationOption? {
        let (name, arguments) = try named(reader, "act", default: "prelu")
        arguments.ignore("inplace")
        let option: ActivationOption
        switch name {
        case "prelu":
            option = ActivationOption(
                activation: .prelu, slopeCount: try arguments.int("num_parameters") ?? 1,
                slopeInitial: Float(try arguments.double("init") ?? 0.25))
        case "relu": option = ActivationOption(activation: .relu)
        case "leakyrelu":
            option = ActivationOption(
                activation: .leakyReLU(slope: Float(try arguments.double("negative_slope") ?? 0.01)))
        case "elu":
            option = ActivationOption(activation: .elu(alpha: Float(try arguments.double("alpha") ?? 1)))
        case "gelu": option = ActivationOption(activation: .gelu)
        case "sigmoid": option = ActivationOption(activation: .sigmoid)
        default:
            throw reader.error(
                "act", "'\(name)' is not supported; supported: prelu, relu, leakyrelu, elu, gelu, sigmoid")
        }
        try arguments.finish()
        return option
    }

    private static func norm(_ reader: ConfigReader, defaultName: String) throws -> NormOption? {
        let (name, arguments) = try named(reader, "norm", default: defaultName)
        let epsilon = Float(try arguments.double("eps") ?? 1e-5)
        let affine = try arguments.bool("affine")
        let option: NormOption
        switch name {
        case "batch":
            option = NormOption(
                params: NormParams(kind: .batch, epsilon: epsilon), affine: affine ?? true,
                momentum: Float(try arguments.double("momentum") ?? 0.1))
        case "instance":
            option = NormOption(
                params: NormParams(kind: .instance, epsilon: epsilon), affine: affine ?? false, momentum: 0)
        case "group":
            let groups = try arguments.required("num_groups", arguments.int("num_groups"))
            arguments.ignore("num_channels")
            option = NormOption(
                params: NormParams(kind: .group(groups), epsilon: epsilon), affine: affine ?? true, momentum: 0)
        default:
            throw reader.error("norm", "'\(name)' is not supported; supported: batch, instance, group")
        }
        if let track = try arguments.bool("track_running_stats"), track != (name == "batch") {
            throw reader.error("norm", "track_running_stats: \(track) is not supported for \(name) norm")
        }
        try arguments.finish()
        return option
    }

    private static func dropout(_ reader: ConfigReader) throws -> Float {
        guard let value = reader.value("dropout") else { return 0 }
        var probability = value.number
        if case .array = value {
            let (name, arguments) = try named(reader, "dropout", default: "dropout")
            guard name == "dropout" else { throw reader.error("dropout", "'\(name)' is not supported; use dropout") }
            arguments.ignore("inplace")
            probability = try arguments.double("p") ?? 0.5
            try arguments.finish()
        }
        guard let probability, probability >= 0, probability < 1 else {
            throw reader.error("dropout", "should be a probability of at least 0 and below 1, not \(value)")
        }
        return Float(probability)
    }
}
