/// A metric that is summarised over cases.
public enum Metric: String, CaseIterable, Hashable, Sendable, Codable {
    /// The Dice coefficient.
    case dice
    /// The intersection over union.
    case iou
    /// The positive predictive value.
    case precision
    /// The sensitivity.
    case recall
    /// The specificity.
    case specificity
    /// The Hausdorff distance, mm.
    case hausdorffMM = "hausdorff_mm"
    /// The percentile Hausdorff distance, mm; the percentile is 95 unless the options give another.
    case hausdorffPercentileMM = "hd95_mm"
    /// The average symmetric surface distance, mm.
    case averageSurfaceDistanceMM = "average_surface_distance_mm"
    /// The surface Dice.
    case surfaceDice = "surface_dice"
    /// The signed volume error, ml.
    case volumeErrorML = "volume_error_ml"
    /// The signed volume error relative to the reference's volume.
    case relativeVolumeError = "relative_volume_error"

    /// A score of a value: larger is better.
    func merit(_ value: Double) -> Double {
        switch self {
        case .dice, .iou, .precision, .recall, .specificity, .surfaceDice: value
        case .hausdorffMM, .hausdorffPercentileMM, .averageSurfaceDistanceMM: -value
        case .volumeErrorML, .relativeVolumeError: -abs(value)
        }
    }

    /// Whether the second of two values is better; `nil` if a value is undefined or both are equally good.
    public func better(_ first: Double?, _ second: Double?) -> Bool? {
        guard let first, let second, merit(first) != merit(second) else { return nil }
        return merit(second) > merit(first)
    }

    /// The metric's value of a case; `nil` if it is undefined.
    public func value(of metrics: SegmentationMetrics) -> Double? {
        switch self {
        case .dice: metrics.dice
        case .iou: metrics.iou
        case .precision: metrics.precision
        case .recall: metrics.recall
        case .specificity: metrics.specificity
        case .hausdorffMM: metrics.hausdorffMM
        case .hausdorffPercentileMM: metrics.hausdorffPercentileMM
        case .averageSurfaceDistanceMM: metrics.averageSurfaceDistanceMM
        case .surfaceDice: metrics.surfaceDice
        case .volumeErrorML: metrics.volumeErrorML
        case .relativeVolumeError: metrics.relativeVolumeError
        }
    }
}

/// The mean and spread of a metric over cases, with the numbers of cases with a defined and an undefined value.
public struct MetricSummary: Hashable, Sendable {
    /// The mean over the defined values; `nil` if there is none.
    public var mean: Double?
    /// The sample standard deviation (n - 1) of the defined values; `nil` below two.
    public var standardDeviation: Double?
    /// The middle of the defined values, or the mean of the middle two.
    public var median: Double?
    /// The bootstrap confidence interval of the mean; `nil` below two values.
    public var interval: ClosedRange<Double>?
    /// The smallest defined value.
    public var minimum: Double?
    /// The largest defined value.
    public var maximum: Double?
    /// The number of cases with a defined value, over which the mean is computed.
    public var n: Int
    /// The number of cases with an undefined value, which the mean leaves out.
    public var undefined: Int

    /// Summarises values; `nil` and non-finite values count as undefined.
    public init(_ values: [Double?], bootstrap: Bootstrap = Bootstrap()) {
        let defined = values.compactMap { $0 }.filter(\.isFinite)
        n = defined.count
        undefined = values.count - n
        minimum = defined.min()
        maximum = defined.max()
        guard n > 0 else { return }
        let mean = defined.reduce(0, +) / Double(n)
        self.mean = mean
        median = SurfaceDistances.percentile(50, ofSorted: defined.sorted())
        guard n > 1 else { return }
        let squares = defined.map { ($0 - mean) * ($0 - mean) }.reduce(0, +)
        standardDeviation = (squares / Double(n - 1)).squareRoot()
        interval = bootstrap.interval(ofMean: defined)
    }
}

extension MetricSummary: Codable {
    private enum CodingKeys: String, CodingKey {
        case mean, median, minimum, maximum, n, undefined
        case standardDeviation = "sd"
        case low = "interval_low"
        case high = "interval_high"
    }

    /// Reads the output of `encode(to:)`.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func number(_ key: CodingKeys) throws -> Double? { try container.decodeIfPresent(Double.self, forKey: key) }
        mean = try number(.mean)
        standardDeviation = try number(.standardDeviation)
        median = try number(.median)
        minimum = try number(.minimum)
        maximum = try number(.maximum)
        n = try container.decode(Int.self, forKey: .n)
        undefined = try container.decode(Int.self, forKey: .undefined)
        if let low = try number(.low), let high = try number(.high), low <= high { interval = low...high }
    }

    /// Writes every key; undefined values are null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(mean, forKey: .mean)
        try container.encode(standardDeviation, forKey: .standardDeviation)
        try container.encode(median, forKey: .median)
        try container.encode(interval?.lowerBound, forKey: .low)
        try container.encode(interval?.upperBound, forKey: .high)
        try container.encode(minimum, forKey: .minimum)
        try container.encode(maximum, forKey: .maximum)
        try container.encode(n, forKey: .n)
        try container.encode(undefined, forKey: .undefined)
    }
}

/// The summary of one class over all cases of a dataset.
public struct CohortSummary: Hashable, Sendable, Codable {
    /// The number of cases.
    public var cases: Int
    /// The number of cases whose reference contains the class but whose prediction does not.
    public var missed: Int
    /// The number of cases whose prediction contains the class but whose reference does not.
    public var spurious: Int
    /// The number of cases in which neither mask contains the class.
    public var bothEmpty: Int
    /// The summary of every metric, with equal weight for each case; keys are the metrics' raw values.
    public var metrics: [String: MetricSummary]
    /// The numbers of the MED_Segmentation report, over the voxels of all cases together; `nil` without cases.
    public var seedCompat: SeedCompat?

    private enum CodingKeys: String, CodingKey {
        case cases, missed, spurious, metrics
        case bothEmpty = "both_empty"
        case seedCompat = "seed_compat"
    }

    /// Summarises the cases of one class.
    public init(_ all: [SegmentationMetrics], bootstrap: Bootstrap = Bootstrap()) {
        cases = all.count
        missed = all.count { $0.presence == .missed }
        spurious = all.count { $0.presence == .spurious }
        bothEmpty = all.count { $0.presence == .bothEmpty }
        metrics = [:]
        for metric in Metric.allCases {
            metrics[metric.rawValue] = MetricSummary(all.map(metric.value(of:)), bootstrap: bootstrap)
        }
        guard let first = all.first else { return }
        seedCompat = SeedCompat(all.dropFirst().reduce(first.counts) { $0 + $1.counts })
    }

    /// The number of cases in which at least one mask is empty.
    public var emptyCases: Int { missed + spurious + bothEmpty }

    /// The summary of a metric.
    public subscript(metric: Metric) -> MetricSummary { metrics[metric.rawValue] ?? MetricSummary([]) }
}
