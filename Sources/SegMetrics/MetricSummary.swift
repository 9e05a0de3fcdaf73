/// A metric that is summarised over cases.
public enum Metric: String, CaseIterable, Hashable, Sendable, Codable {
    /// Dice coefficient.
    case dice
    /// Intersection over union.
    case iou
    /// Positive predictive value.
    case precision
    /// Sensitivity.
    case recall
    /// Specificity.
    case specificity
    /// Hausdorff distance, mm.
    case hausdorffMM = "hausdorff_mm"
    /// Percentile Hausdorff distance, mm.
    case hausdorffPercentileMM = "hausdorff_percentile_mm"
    /// Average symmetric surface distance, mm.
    case averageSurfaceDistanceMM = "average_surface_distance_mm"
    /// Surface Dice.
    case surfaceDice = "surface_dice"

    /// The metric's value of a case; `nil` where it is undefined.
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
        }
    }
}

/// Mean and spread of a metric over cases, with the number that entered and the number that could not.
public struct MetricSummary: Hashable, Sendable, Codable {
    /// Mean over the defined values; `nil` when there is none.
    public var mean: Double?
    /// Sample standard deviation (n - 1) of the defined values; `nil` below two.
    public var standardDeviation: Double?
    /// Smallest defined value.
    public var minimum: Double?
    /// Largest defined value.
    public var maximum: Double?
    /// Cases whose value is defined: what the mean is over.
    public var n: Int
    /// Cases whose value is undefined, left out of the mean.
    public var undefined: Int

    /// Summarises values; `nil` and not-finite ones count as undefined.
    public init(_ values: [Double?]) {
        let defined = values.compactMap { $0 }.filter(\.isFinite)
        n = defined.count
        undefined = values.count - n
        minimum = defined.min()
        maximum = defined.max()
        guard n > 0 else { return }
        let mean = defined.reduce(0, +) / Double(n)
        self.mean = mean
        guard n > 1 else { return }
        let squares = defined.map { ($0 - mean) * ($0 - mean) }.reduce(0, +)
        standardDeviation = (squares / Double(n - 1)).squareRoot()
    }
}

/// One class over all cases of a dataset.
public struct CohortSummary: Hashable, Sendable, Codable {
    /// Number of cases.
    public var cases: Int
    /// Cases whose reference holds the class and whose prediction does not.
    public var missed: Int
    /// Cases whose prediction holds the class and whose reference does not.
    public var spurious: Int
    /// Cases in which neither mask holds the class.
    public var bothEmpty: Int
    /// Every metric's summary, each case one vote; keys are the metrics' raw values.
    public var metrics: [String: MetricSummary]

    /// Summarises the cases of one class.
    public init(_ all: [SegmentationMetrics]) {
        cases = all.count
        missed = all.count { $0.presence == .missed }
        spurious = all.count { $0.presence == .spurious }
        bothEmpty = all.count { $0.presence == .bothEmpty }
        metrics = [:]
        for metric in Metric.allCases {
            metrics[metric.rawValue] = MetricSummary(all.map(metric.value(of:)))
        }
    }

    /// Cases in which at least one mask is empty.
    public var emptyCases: Int { missed + spurious + bothEmpty }

    /// The summary of a metric.
    public subscript(metric: Metric) -> MetricSummary { metrics[metric.rawValue] ?? MetricSummary([]) }
}
