public import SegCore

/// How the intensities of a scan become the network's numbers: one rule for every channel, or one for each; the entry
/// `intensity` of `preprocessing`.
public struct IntensityRules: Hashable, Sendable {
    /// The rules: one for all channels, or one for each channel in their order.
    public let rules: [IntensityRule]

    /// Creates rules: one for all channels, or one for each.
    public init(_ rules: [IntensityRule]) { self.rules = rules }

    /// Whether no rule waits for numbers that only a training run can measure.
    public var isMeasured: Bool { !rules.contains(.fingerprint(nil)) }

    /// The rule of each channel; nil if the rules are for another number of channels.
    func rules(of channels: Int) -> [IntensityRule]? {
        if rules.count == 1 { return [IntensityRule](repeating: rules[0], count: channels) }
        return rules.count == channels ? rules : nil
    }

    /// Changes a scan in place; `name` is the name of the case, for errors.
    ///
    /// - Throws: `DataError` if the rules are for another number of channels, or a fingerprint is not measured yet.
    func apply(to image: inout ScanImage, name: String) throws(DataError) {
        let count = image.channels.count
        guard let rules = rules(of: count) else {
            throw DataError(
                .badData, name, "has \(count) channels, but the model's intensity has \(self.rules.count) rules")
        }
        guard isMeasured else {
            throw DataError(
                .badData, name,
                "cannot be prepared, because the numbers of intensity: {name: fingerprint} are measured at the start of a "
                    + "training run; use a model folder, or give the numbers")
        }
        // nnU-Net's outline is computed from all channels as they were read, so its schemes come first.
        let schemes = rules.map(\.scheme)
        if schemes.contains(where: { $0 != nil }) {
            try NNUNetNormalization(schemes.map { $0 ?? .none }).apply(to: &image, name: name)
        }
        for (channel, rule) in rules.enumerated() where rule.scheme == nil {
            var alone = ScanImage(image.volume(channel))
            image.channels[channel] = []
            try rule.apply(to: &alone, name: name)
            image.channels[channel] = alone.channels[0]
        }
    }
}

/// The rule for the intensities of one channel.
public enum IntensityRule: Hashable, Sendable {
    /// The voxels of which a z-score takes the mean and standard deviation.
    public enum Region: String, Hashable, Sendable, CaseIterable {
        /// All voxels.
        case whole
        /// The voxels that are not 0; the others stay 0. MONAI's `NormalizeIntensity(nonzero=True)`.
        case nonzero
        /// The voxels inside the outline of those that are not 0 in some channel, holes filled; the others do not
        /// change. nnU-Net's `use_mask_for_norm`.
        case foreground
    }

    /// Maps a window to a range; MONAI's `ScaleIntensityRange`.
    case window(ScaleIntensityRange)
    /// Maps the channel's minimum and maximum to a range; MONAI's `ScaleIntensity`.
    case minMax(MinMaxScale)
    /// Maps two percentiles of the channel to a range; MONAI's `ScaleIntensityRangePercentiles`.
    case percentiles(PercentileScale)
    /// Subtracts the channel's mean and divides by its standard deviation (1/n).
    case zScore(Region)
    /// Subtracts a given mean and divides by a given standard deviation; MONAI's
    /// `NormalizeIntensity(subtrahend=, divisor=)`.
    case fixed(mean: Double, deviation: Double)
    /// Clips, subtracts and divides by numbers of the training cases' foreground; nnU-Net's `CTNormalization`.
    ///
    /// Nil until a training run has measured them.
    case fingerprint(IntensityFingerprint?)

    /// The rule as a scheme of nnU-Net; nil if it is a transform of MONAI.
    fileprivate var scheme: NNUNetNormalization.Scheme? {
        switch self {
        case .zScore(.foreground): .zScore(masked: true)
        case .fingerprint(let numbers?):
            .ct(mean: numbers.mean, deviation: numbers.deviation, lower: numbers.lower, upper: numbers.upper)
        default: nil
        }
    }

    /// Changes a scan of one channel in place.
    fileprivate func apply(to image: inout ScanImage, name: String) throws(DataError) {
        switch self {
        case .window(let step): step.apply(to: &image.channels[0])
        case .minMax(let step): step.apply(to: &image)
        case .percentiles(let step): try step.apply(to: &image)
        case .zScore(let region): try Self.normalise(nil, nonzero: region == .nonzero).apply(to: &image, name: name)
        case .fixed(let mean, let deviation):
            try Self.normalise((mean, deviation), nonzero: false).apply(to: &image, name: name)
        case .fingerprint: break
        }
    }

    /// MONAI's normalisation of each channel by given numbers, or by its own.
    private static func normalise(
        _ numbers: (mean: Double, deviation: Double)?, nonzero: Bool
    ) throws(DataError) -> NormalizeIntensity {
        try NormalizeIntensity(
            subtrahend: numbers.map { [$0.mean] }, divisor: numbers.map { [$0.deviation] }, nonzero: nonzero,
            channelWise: true)
    }

    /// A description of the rule for people.
    var summary: String {
        switch self {
        case .window(let step): "\(step.aMin) … \(step.aMax) become \(step.bMin) … \(step.bMax)"
        case .minMax(let step): "minimum to maximum become \(step.low) … \(step.high)"
        case .percentiles(let step):
            "percentiles \(step.lower) and \(step.upper) become \(step.bMin) and \(step.bMax)"
        case .zScore(.whole): "minus mean, divided by standard deviation"
        case .zScore(.nonzero): "minus mean, divided by standard deviation, voxels of 0 left out"
        case .zScore(.foreground): "minus mean, divided by standard deviation, inside the outline"
        case .fixed(let mean, let deviation): "minus \(mean), divided by \(deviation)"
        case .fingerprint(nil): "by numbers of the training cases' foreground, which are not measured yet"
        case .fingerprint(let numbers?):
            "clipped to \(numbers.lower) … \(numbers.upper), minus \(numbers.mean), divided by \(numbers.deviation)"
        }
    }

    /// Whether the numbers of the rule are measured on each scan, rather than the same for all scans.
    package var isOfEachScan: Bool {
        switch self {
        case .minMax, .percentiles, .zScore: true
        case .window, .fixed, .fingerprint: false
        }
    }

    /// Whether 0 afterwards is an intensity like any other, not the lowest.
    ///
    /// A crop to the voxels above 0 would then cut away everything below the mean.
    var centres: Bool {
        switch self {
        case .window, .minMax, .percentiles: false
        case .zScore, .fixed, .fingerprint: true
        }
    }
}

/// The foreground of a training set's channel in four numbers; the part of nnU-Net's fingerprint that
/// `CTNormalization` uses.
public struct IntensityFingerprint: Hashable, Sendable {
    /// The mean.
    public let mean: Double
    /// The standard deviation, with 1/n.
    public let deviation: Double
    /// The percentile 0.5, to which lower intensities are raised.
    public let lower: Double
    /// The percentile 99.5, to which higher intensities are lowered.
    public let upper: Double

    /// Creates a fingerprint from its numbers.
    ///
    /// - Throws: `DataError` if a number is not finite, the deviation is negative, or the percentiles are in the wrong
    ///   order.
    public init(mean: Double, deviation: Double, lower: Double, upper: Double) throws(DataError) {
        guard [mean, deviation, lower, upper].allSatisfy(\.isFinite), deviation >= 0, lower <= upper else {
            throw DataError(
                .badArgument, "the fingerprint",
                "mean \(mean), std \(deviation) and percentiles \(lower) and \(upper) should be finite, std not negative, "
                    + "and the lower percentile not above the upper one")
        }
        (self.mean, self.deviation, self.lower, self.upper) = (mean, deviation, lower, upper)
    }
}
