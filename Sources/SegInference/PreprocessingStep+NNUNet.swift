internal import SegCore
internal import SegImaging

/// The steps of nnU-Net in `model.json`. nnU-Net has no such classes; its plans contain the same values.
extension PreprocessingStep {
    /// The readers and writers of nnU-Net's steps; a MONAI bundle has none of them.
    static var nnUNetForms: [ComponentForm<PreprocessingStep>] {
        [
            ComponentForm("NNUNetTranspose", { if case .nnUNetTranspose(let step) = $0 { step } else { nil } }) {
                .nnUNetTranspose(try NNUNetTranspose(forward: $1.required("forward", $0?.forward, .ints)))
            },
            ComponentForm("NNUNetCrop", { if case .nnUNetCrop(let step) = $0 { step } else { nil } }) { _, _ in
                .nnUNetCrop(NNUNetCrop())
            },
            ComponentForm("NNUNetNormalization", { if case .nnUNetNormalization(let step) = $0 { step } else { nil } })
            {
                .nnUNetNormalization(NNUNetNormalization(try $1.required("schemes", $0?.schemes, .schemes)))
            },
            ComponentForm("NNUNetResampling", { if case .nnUNetResampling(let step) = $0 { step } else { nil } }) {
                .nnUNetResampling(try NNUNetResampling.coded($0, by: $1))
            },
        ]
    }

    /// Whether the step is nnU-Net's, which no bundle has.
    var isOfNNUNet: Bool {
        switch self {
        case .nnUNetTranspose, .nnUNetCrop, .nnUNetNormalization, .nnUNetResampling: true
        default: false
        }
    }

    /// Whether the step can also be applied to a mask of the scan, for a cascade's second stage.
    var isOfCascade: Bool {
        switch self {
        case .orientation, .nnUNetTranspose, .nnUNetCrop, .nnUNetNormalization, .nnUNetResampling: true
        default: false
        }
    }
}

extension NNUNetNormalization.Scheme {
    /// Reads or writes nnU-Net's name of a scheme, and its numbers.
    fileprivate static func coded(_ scheme: Self?, by coder: ConfigCoder) throws -> Self {
        switch try coder.required("name", scheme?.name, .text) {
        case ctName:
            var (mean, deviation, lower, upper): (Double?, Double?, Double?, Double?)
            if case .ct(let a, let b, let c, let d)? = scheme { (mean, deviation, lower, upper) = (a, b, c, d) }
            return .ct(
                mean: try coder.required("mean", mean, .number),
                deviation: try coder.required("std", deviation, .number),
                lower: try coder.required("percentile_00_5", lower, .number),
                upper: try coder.required("percentile_99_5", upper, .number))
        case zScoreName:
            let isMasked = if case .zScore(let masked)? = scheme { masked } else { false }
            return .zScore(masked: try coder.value("use_mask", isMasked, .bool))
        case rescaleName: return .rescale
        case rgbName: return .rgb
        case noneName: return .none
        case let other:
            try coder.check("name", false, "'\(other)' is not a supported normalisation of nnU-Net")
            return .none
        }
    }

    private static let ctName = "CTNormalization"
    private static let zScoreName = "ZScoreNormalization"
    private static let rescaleName = "RescaleTo01Normalization"
    private static let rgbName = "RGBTo01Normalization"
    private static let noneName = "NoNormalization"

    private var name: String {
        switch self {
        case .ct: Self.ctName
        case .zScore: Self.zScoreName
        case .rescale: Self.rescaleName
        case .rgb: Self.rgbName
        case .none: Self.noneName
        }
    }
}

extension ConfigForm<[NNUNetNormalization.Scheme]> {
    /// One scheme per channel.
    fileprivate static var schemes: Self {
        Self(
            decode: { _, key, reader in
                try reader.required(key, reader.objects(key)).map {
                    try ConfigCoder.read($0, NNUNetNormalization.Scheme.coded)
                }
            },
            encode: {
                .array($0.map { .object(ConfigCoder.entries($0, NNUNetNormalization.Scheme.coded)) })
            })
    }
}

extension NNUNetResampling {
    /// Reads or writes the spacing, the order of the splines, and when slices are resampled separately.
    fileprivate static func coded(_ step: NNUNetResampling?, by coder: ConfigCoder) throws -> NNUNetResampling {
        try NNUNetResampling(
            spacing: coder.required("spacing", step?.spacing, .edges),
            order: coder.value("order", step?.order ?? .cubic, .order),
            separation: Separation(coder.optional("force_separate_z", step?.separation.isForced, .bool)),
            separationBack: Separation(
                coder.optional("force_separate_z_back", step?.separationBack.isForced, .bool)))
    }
}

extension NNUNetResampling.Separation {
    /// nnU-Net's `force_separate_z`; nil if nnU-Net decides by the spacing.
    fileprivate var isForced: Bool? {
        switch self {
        case .automatic: nil
        case .always: true
        case .never: false
        }
    }
}

extension ConfigForm<NNUNetResampling.Order> {
    fileprivate static var order: Self {
        Self(
            decode: { _, key, reader in
                let number = try reader.required(key, reader.int(key))
                guard let order = NNUNetResampling.Order(rawValue: number) else {
                    throw reader.error(key, "should be 1 or 3, not \(number)")
                }
                return order
            }, encode: { .int($0.rawValue) })
    }
}

extension ConfigForm<[Double?]> {
    /// The voxel spacing in mm, with null for an axis that keeps its spacing.
    fileprivate static var edges: Self {
        Self(
            decode: { value, key, reader in
                guard case .array(let edges) = value else {
                    throw reader.error(
                        key, "should be a list of three numbers in mm, with null for an axis that is kept")
                }
                return try edges.map { edge in
                    if edge == .null { return nil }
                    guard let number = edge.number else {
                        throw reader.error(key, "should hold numbers, not \(edge)")
                    }
                    return number
                }
            }, encode: { .array($0.map { $0.map(ConfigValue.double) ?? .null }) })
    }
}
