internal import SegCore
internal import SegImaging

extension ConfigForm<IntensityRules> {
    /// A rule for every channel, or a list with a rule for each.
    static var intensity: Self {
        Self(
            decode: { value, key, reader in
                var readers = [try? reader.object(key)].compactMap(\.self)
                if case .array = value { readers = try reader.required(key, reader.objects(key)) }
                guard !readers.isEmpty else {
                    throw reader.error(
                        key, "should be an object, or a list with an object for each channel, not \(value)")
                }
                return IntensityRules(try readers.map { try ConfigCoder.read($0, IntensityRule.coded) })
            },
            encode: { rules in
                let objects = rules.rules.map { ConfigValue.object(ConfigCoder.entries($0, IntensityRule.coded)) }
                return objects.count == 1 ? objects[0] : .array(objects)
            })
    }
}

extension IntensityRule {
    /// The names of the rules.
    private enum Name: String, CaseIterable {
        case window, percentiles, fixed, fingerprint
        case minMax = "min_max"
        case zScore = "z_score"
    }

    /// Reads or writes a rule. A rule without a name is a window, whose object is older than the names.
    static func coded(_ rule: Self?, by coder: ConfigCoder) throws -> Self {
        switch try coder.given("name", rule?.name, .name) ?? .window {
        case .window:
            let window: ScaleIntensityRange? = if case .window(let step)? = rule { step } else { nil }
            return .window(try ScaleIntensityRange.codedWindow(window, by: coder))
        case .minMax:
            let scale: MinMaxScale? = if case .minMax(let step)? = rule { step } else { nil }
            return .minMax(try MinMaxScale.codedRule(scale, by: coder))
        case .percentiles:
            let scale: PercentileScale? = if case .percentiles(let step)? = rule { step } else { nil }
            return .percentiles(try PercentileScale.codedRule(scale, by: coder))
        case .zScore:
            let region: Region? = if case .zScore(let region)? = rule { region } else { nil }
            return .zScore(try coder.value("of", region ?? .whole, .name))
        case .fixed:
            let numbers: (mean: Double, deviation: Double)? =
                if case .fixed(let mean, let deviation)? = rule { (mean, deviation) } else { nil }
            let finite = ConfigForm<Double>.number.restricted(to: "finite", \.isFinite)
            return .fixed(
                mean: try coder.required("mean", numbers?.mean, finite),
                deviation: try coder.required(
                    "std", numbers?.deviation, finite.restricted(to: "positive") { $0 > 0 }))
        case .fingerprint:
            let numbers: IntensityFingerprint? = if case .fingerprint(let numbers)? = rule { numbers } else { nil }
            return .fingerprint(try IntensityFingerprint.coded(numbers, by: coder))
        }
    }

    /// The name of the rule; nil for a window, whose records of earlier versions have none.
    private var name: Name? {
        switch self {
        case .window: nil
        case .minMax: .minMax
        case .percentiles: .percentiles
        case .zScore: .zScore
        case .fixed: .fixed
        case .fingerprint: .fingerprint
        }
    }
}

extension MinMaxScale {
    /// Reads or writes the new minimum and maximum of a rule, which is for one channel.
    fileprivate static func codedRule(_ scale: MinMaxScale?, by coder: ConfigCoder) throws -> MinMaxScale {
        let (low, high) = (
            try coder.value("b_min", scale?.low ?? 0, .number), try coder.value("b_max", scale?.high ?? 1, .number)
        )
        return try coder.checked("b_min") { try MinMaxScale(low: low, high: high, channelWise: true) }
    }
}

extension PercentileScale {
    /// Reads or writes the percentiles and their new values of a rule, which is for one channel.
    fileprivate static func codedRule(_ scale: PercentileScale?, by coder: ConfigCoder) throws -> PercentileScale {
        coder.know("lower", "upper", "b_min", "b_max")
        let (lower, upper) = (
            try coder.value("lower", scale?.lower ?? 0.5, .number),
            try coder.value("upper", scale?.upper ?? 99.5, .number)
        )
        let (bMin, bMax) = (
            try coder.value("b_min", scale?.bMin ?? 0, .number), try coder.value("b_max", scale?.bMax ?? 1, .number)
        )
        let clip = try coder.value("clip", scale?.clip ?? true, .bool)
        return try coder.checked("lower") {
            try PercentileScale(
                lower: lower, upper: upper, bMin: bMin, bMax: bMax, clip: clip, isRelative: false, channelWise: true)
        }
    }
}

extension IntensityFingerprint {
    /// Reads or writes the numbers under nnU-Net's names: all of them, or none before they are measured.
    fileprivate static func coded(_ own: IntensityFingerprint?, by coder: ConfigCoder) throws -> IntensityFingerprint? {
        let numbers = [
            "mean": try coder.given("mean", own?.mean, .number), "std": try coder.given("std", own?.deviation, .number),
            "percentile_00_5": try coder.given("percentile_00_5", own?.lower, .number),
            "percentile_99_5": try coder.given("percentile_99_5", own?.upper, .number),
        ]
        let absent = numbers.filter { $0.value == nil }.keys.sorted()
        guard let mean = numbers["mean"] ?? nil, let deviation = numbers["std"] ?? nil,
            let lower = numbers["percentile_00_5"] ?? nil, let upper = numbers["percentile_99_5"] ?? nil
        else {
            try coder.check(
                "name", absent.count == numbers.count,
                "fingerprint needs all of its numbers or none, but \(absent.joined(separator: ", ")) "
                    + (absent.count == 1 ? "is missing" : "are missing"))
            return nil
        }
        return try coder.checked("mean") {
            try IntensityFingerprint(mean: mean, deviation: deviation, lower: lower, upper: upper)
        }
    }
}

extension PreprocessingStep {
    /// The readers and writers of MedSeg's own steps; a MONAI bundle has none of them.
    static var ownForms: [ComponentForm<PreprocessingStep>] {
        [
            ComponentForm("IntensityRules", { if case .intensity(let rules) = $0 { rules } else { nil } }) {
                .intensity(try $1.required("rules", $0, .intensity))
            }
        ]
    }

    /// The step as MONAI's transform; nil if MONAI has none.
    var ofMONAI: PreprocessingStep? {
        guard case .intensity(let rules) = self else { return isOfNNUNet ? nil : self }
        return rules.rules.count == 1 ? rules.rules[0].ofMONAI : nil
    }
}

extension IntensityRule {
    /// The rule for every channel as MONAI's transform; nil if MONAI has none.
    fileprivate var ofMONAI: PreprocessingStep? {
        func normalize(_ numbers: (Double, Double)?, nonzero: Bool) -> PreprocessingStep? {
            try? .normalizeIntensity(
                NormalizeIntensity(
                    subtrahend: numbers.map { [$0.0] }, divisor: numbers.map { [$0.1] }, nonzero: nonzero,
                    channelWise: numbers == nil))
        }
        switch self {
        case .window(let step): return .scaleIntensityRange(step)
        case .minMax(let step): return .scaleIntensity(step)
        case .percentiles(let step): return .scaleIntensityRangePercentiles(step)
        case .zScore(.whole): return normalize(nil, nonzero: false)
        case .zScore(.nonzero): return normalize(nil, nonzero: true)
        case .fixed(let mean, let deviation): return normalize((mean, deviation), nonzero: false)
        case .zScore(.foreground), .fingerprint: return nil
        }
    }
}
