/// What the metrics of a class are measured with, beside the grid.
public struct MetricOptions: Hashable, Sendable, Codable {
    /// Surface Dice counts a surface voxel as right within this many mm.
    public var surfaceDiceToleranceMM: Double
    /// The percentile of the robust Hausdorff distance, 0 to 100; 95 is what papers call HD95.
    public var hausdorffPercentile: Double

    /// Makes options; the percentile is 95 unless told.
    /// - Throws: `MetricsError.invalidOption` for a negative tolerance or a percentile beyond 0...100.
    public init(surfaceDiceToleranceMM: Double, hausdorffPercentile: Double = 95) throws {
        guard surfaceDiceToleranceMM >= 0, surfaceDiceToleranceMM.isFinite else {
            throw MetricsError.invalidOption(
                "The surface Dice tolerance is \(surfaceDiceToleranceMM) mm; give a finite length of 0 or more.")
        }
        guard (0...100).contains(hausdorffPercentile) else {
            throw MetricsError.invalidOption(
                "The Hausdorff percentile is \(hausdorffPercentile); give a number from 0 to 100.")
        }
        self.surfaceDiceToleranceMM = surfaceDiceToleranceMM
        self.hausdorffPercentile = hausdorffPercentile
    }
}

/// One class of one case, prediction against reference.
///
/// Lengths are in mm, volumes in ml.
///
/// What a metric is when a mask is empty is declared here, and `presence` tells which row holds. `nil` means undefined:
/// such a case enters no mean and is counted instead (`MetricSummary`). Nothing is 0 or 1 by convention.
///
/// | presence  | Dice, IoU | precision | recall | specificity | distances | surface Dice |
/// |-----------|-----------|-----------|--------|-------------|-----------|--------------|
/// | both      | defined   | defined   | defined| TN/(TN+FP)  | defined   | defined      |
/// | missed    | 0         | nil       | 0      | 1           | nil       | 0            |
/// | spurious  | 0         | 0         | nil    | TN/(TN+FP)  | nil       | 0            |
/// | bothEmpty | nil       | nil       | nil    | 1           | nil       | nil          |
///
/// (Specificity is nil in the one case that the reference fills the grid.) `monai` has MONAI's own choices.
public struct SegmentationMetrics: Hashable, Sendable, Codable {
    /// The label of the class.
    public var label: UInt8
    /// Which masks hold the class.
    public var presence: MaskPresence
    /// Voxel counts.
    public var counts: ConfusionCounts
    /// Dice coefficient.
    public var dice: Double?
    /// Intersection over union, the Jaccard index.
    public var iou: Double?
    /// Positive predictive value.
    public var precision: Double?
    /// Sensitivity.
    public var recall: Double?
    /// Specificity; depends on how much background the grid holds.
    public var specificity: Double?
    /// Hausdorff distance, mm.
    public var hausdorffMM: Double?
    /// Percentile Hausdorff distance (HD95 by default), mm.
    public var hausdorffPercentileMM: Double?
    /// Average symmetric surface distance, mm.
    public var averageSurfaceDistanceMM: Double?
    /// Surface Dice at the options' tolerance.
    public var surfaceDice: Double?
    /// Volume of the class in the prediction, ml.
    public var predictionVolumeML: Double
    /// Volume of the class in the reference, ml.
    public var referenceVolumeML: Double

    /// Measures one class of two label maps on one grid.
    /// - Throws: `MetricsError` when a mask does not fit the grid.
    public init(
        prediction: [UInt8], reference: [UInt8], label: UInt8, grid: MaskGrid, options: MetricOptions
    ) throws {
        try grid.check(prediction, "prediction")
        try grid.check(reference, "reference")
        let scan = ClassScan(prediction, reference, label: label, size: grid.size)
        let surfaces = SurfaceDistances(prediction, reference, label, grid, scan)
        let counts = scan.counts
        self.label = label
        self.counts = counts
        presence = counts.presence
        dice = counts.dice
        iou = counts.iou
        precision = counts.precision
        recall = counts.recall
        specificity = counts.specificity
        hausdorffMM = surfaces?.hausdorff
        hausdorffPercentileMM = surfaces?.hausdorff(percentile: options.hausdorffPercentile)
        averageSurfaceDistanceMM = surfaces?.average
        // Without a counterpart no voxel of the one surface is within any tolerance.
        let unmatched: Double? = counts.presence == .bothEmpty ? nil : 0
        surfaceDice = surfaces?.surfaceDice(toleranceMM: options.surfaceDiceToleranceMM) ?? unmatched
        predictionVolumeML = Double(counts.predicted) * grid.voxelVolumeML
        referenceVolumeML = Double(counts.actual) * grid.voxelVolumeML
    }

    /// Measures several classes of two label maps, in the order given.
    /// - Throws: `MetricsError` when a mask does not fit the grid.
    public static func evaluate(
        prediction: [UInt8], reference: [UInt8], classes: [UInt8], grid: MaskGrid, options: MetricOptions
    ) throws -> [SegmentationMetrics] {
        try classes.map {
            try SegmentationMetrics(
                prediction: prediction, reference: reference, label: $0, grid: grid, options: options)
        }
    }

    /// The background-dominated numbers of the project's report.
    public var seedCompat: SeedCompat { SeedCompat(counts) }
}
