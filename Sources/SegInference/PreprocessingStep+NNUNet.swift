internal import SegCore
internal import SegImaging

/// The steps of nnU-Net as `model.json` states them. nnU-Net has no such classes: its plans say the same.
extension PreprocessingStep {
    /// Names of the steps; a MONAI bundle has none of them.
    static let nnUNetClasses = ["NNUNetTranspose", "NNUNetCrop", "NNUNetNormalization", "NNUNetResampling"]

    /// Reads the arguments of a step; nil for another name.
    /// - Throws: `DataError` naming the argument that is missing or wrong.
    init?(nnUNet name: String, _ reader: ConfigReader) throws {
        switch name {
        case "NNUNetTranspose":
            self = .nnUNetTranspose(
                try NNUNetTranspose(forward: reader.required("forward", reader.ints("forward"))))
        case "NNUNetCrop": self = .nnUNetCrop(NNUNetCrop())
        case "NNUNetNormalization":
            self = .nnUNetNormalization(
                NNUNetNormalization(
                    try reader.required("schemes", reader.objects("schemes")).map { scheme in
                        let read = try NNUNetNormalization.Scheme(scheme)
                        try scheme.finish()
                        return read
                    }))
        case "NNUNetResampling": self = .nnUNetResampling(try NNUNetResampling(reader))
        default: return nil
        }
    }

    /// Whether a mask of the scan can follow the step to a cascade's second stage.
    var isOfCascade: Bool {
        switch self {
        case .orientation, .nnUNetTranspose, .nnUNetCrop, .nnUNetNormalization, .nnUNetResampling: true
        default: false
        }
    }

    /// The name and arguments that `init(nnUNet:_:)` reads; nil for a step of MONAI's.
    var nnUNetValue: ConfigValue? {
        switch self {
        case .nnUNetTranspose(let step):
            ["_target_": "NNUNetTranspose", "forward": .array(step.forward.map { .int($0) })]
        case .nnUNetCrop: ["_target_": "NNUNetCrop"]
        case .nnUNetNormalization(let step):
            ["_target_": "NNUNetNormalization", "schemes": .array(step.schemes.map(\.value))]
        case .nnUNetResampling(let step): step.value
        default: nil
        }
    }
}

extension NNUNetNormalization.Scheme {
    /// Reads a scheme: nnU-Net's name of it, and its numbers.
    fileprivate init(_ reader: ConfigReader) throws {
        switch try reader.required("name", reader.string("name")) {
        case "CTNormalization":
            func number(_ key: String) throws -> Double { try reader.required(key, reader.double(key)) }
            self = .ct(
                mean: try number("mean"), deviation: try number("std"), lower: try number("percentile_00_5"),
                upper: try number("percentile_99_5"))
        case "ZScoreNormalization": self = .zScore(masked: try reader.bool("use_mask") ?? false)
        case "RescaleTo01Normalization": self = .rescale
        case "RGBTo01Normalization": self = .rgb
        case "NoNormalization": self = .none
        case let other: throw reader.error("name", "'\(other)' is not a normalisation of nnU-Net that is supported")
        }
    }

    /// What `init(_:)` reads.
    fileprivate var value: ConfigValue {
        switch self {
        case .ct(let mean, let deviation, let lower, let upper):
            [
                "name": "CTNormalization", "mean": .double(mean), "std": .double(deviation),
                "percentile_00_5": .double(lower), "percentile_99_5": .double(upper),
            ]
        case .zScore(let masked): ["name": "ZScoreNormalization", "use_mask": .bool(masked)]
        case .rescale: ["name": "RescaleTo01Normalization"]
        case .rgb: ["name": "RGBTo01Normalization"]
        case .none: ["name": "NoNormalization"]
        }
    }
}

extension NNUNetResampling {
    /// Reads `spacing`, whose entries may be null, `order`, `force_separate_z` and `force_separate_z_back`.
    fileprivate init(_ reader: ConfigReader) throws {
        guard case .array(let edges)? = reader.value("spacing") else {
            throw reader.error("spacing", "should be a list of three edges in mm, or null for an axis that is kept")
        }
        let spacing = try edges.map { edge -> Double? in
            if edge == .null { return nil }
            guard let number = edge.number else { throw reader.error("spacing", "should hold numbers, not \(edge)") }
            return number
        }
        let number = try reader.int("order") ?? 3
        guard let order = Order(rawValue: number) else {
            throw reader.error("order", "should be 1 or 3, not \(number)")
        }
        self = try NNUNetResampling(
            spacing: spacing, order: order, separation: Separation(reader.bool("force_separate_z")),
            separationBack: Separation(reader.bool("force_separate_z_back")))
    }

    /// What `init(_:)` reads.
    fileprivate var value: ConfigValue {
        [
            "_target_": "NNUNetResampling", "spacing": .array(spacing.map { $0.map { .double($0) } ?? .null }),
            "order": .int(order.rawValue), "force_separate_z": separation.value,
            "force_separate_z_back": separationBack.value,
        ]
    }
}

extension NNUNetResampling.Separation {
    fileprivate var value: ConfigValue {
        switch self {
        case .automatic: .null
        case .always: true
        case .never: false
        }
    }
}
