/// The definition of the distance that papers call "95 % Hausdorff distance"; the definitions differ slightly for the
/// same masks.
public enum HausdorffDefinition: String, CaseIterable, Hashable, Sendable, Codable {
    /// The larger of the two directed percentiles over surface voxels: MONAI's `compute_hausdorff_distance`.
    case monai
    /// The percentile of both directions' distances pooled: medpy's `hd95`.
    case medpy
    /// The larger of the two directed percentiles of the surface distance, weighted by surface area; the surface runs
    /// between voxels: DeepMind's `compute_robust_hausdorff`.
    case deepmind
}

/// The options for measuring the metrics of a class.
public struct MetricOptions: Hashable, Sendable, Codable {
    /// The tolerance in mm within which surface Dice counts a surface voxel as correct.
    public var surfaceDiceToleranceMM: Double
    /// The percentile of the robust Hausdorff distance, 0 to 100; papers call it HD95 at 95.
    public var hausdorffPercentile: Double
    /// The definition of this percentile.
    public var hausdorffDefinition: HausdorffDefinition

    /// Creates options; the percentile is by default 95 in MONAI's definition.
    /// - Throws: `MetricsError.invalidOption` if the tolerance is negative or not finite, or the percentile is outside
    ///   0...100.
    public init(
        surfaceDiceToleranceMM: Double, hausdorffPercentile: Double = 95,
        hausdorffDefinition: HausdorffDefinition = .monai
    ) throws {
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
        self.hausdorffDefinition = hausdorffDefinition
    }
}

/// The metrics of one class of one case, prediction against reference.
///
/// Lengths are in mm, volumes in ml.
///
/// The table declares the values of the metrics for empty masks; `presence` selects the row. `nil` means undefined:
/// such a case is left out of the mean and counted separately (`MetricSummary`). An empty mask never has a perfect
/// score.
///
/// | presence  | Dice, IoU, surface Dice | precision | recall  | specificity | distances | volume error | relative |
/// |-----------|-------------------------|-----------|---------|-------------|-----------|--------------|----------|
/// | both      | defined                 | defined   | defined | TN/(TN+FP)  | defined   | defined      | defined  |
/// | missed    | 0                       | nil       | 0       | nil         | nil       | −reference   | −1       |
/// | spurious  | 0                       | 0         | nil     | TN/(TN+FP)  | nil       | +prediction  | nil      |
/// | bothEmpty | nil                     | nil       | nil     | nil         | nil       | nil          | nil      |
///
/// (Specificity is also nil if the reference fills the grid.) `monai` has MONAI's values.
public struct SegmentationMetrics: Hashable, Sendable, Codable {
    /// The label of the class.
    public var label: Int
    /// The masks that contain the class.
    public var presence: MaskPresence
    /// The voxel counts.
    public var counts: ConfusionCounts
    /// The Dice coefficient.
    public var dice: Double?
    /// The intersection over union, or Jaccard index.
    public var iou: Double?
    /// The positive predictive value.
    public var precision: Double?
    /// The sensitivity.
    public var recall: Double?
    /// The specificity, nil for an empty prediction; it depends on the amount of background in the grid.
    public var specificity: Double?
    /// The Hausdorff distance, mm.
    public var hausdorffMM: Double?
    /// The percentile Hausdorff distance (HD95 by default), mm.
    public var hausdorffPercentileMM: Double?
    /// The average symmetric surface distance, mm.
    public var averageSurfaceDistanceMM: Double?
    /// The surface Dice at the options' tolerance.
    public var surfaceDice: Double?
    /// The volume of the class in the prediction, ml.
    public var predictionVolumeML: Double
    /// The volume of the class in the reference, ml.
    public var referenceVolumeML: Double

    /// The volume of the prediction minus the volume of the reference, ml.
    public var volumeErrorML: Double?
    /// The volume error relative to the reference's volume.
    public var relativeVolumeError: Double?

    /// Measures one class of two label maps on the same grid.
    /// - Parameter ignoredVoxels: The number of voxels that are not measured. They are background in both maps, and are left
    ///   out of the true negatives.
    /// - Throws: `MetricsError` if a mask does not fit the grid.
    public init(
        prediction: [UInt8], reference: [UInt8], label: UInt8, grid: MaskGrid, options: MetricOptions,
        ignoredVoxels: Int = 0
    ) throws {
        try grid.check(prediction, "prediction")
        try grid.check(reference, "reference")
        let scan = ClassScan(prediction, reference, label: label, size: grid.size)
        let surfaces = SurfaceDistances(prediction, reference, label, grid, scan)
        var counts = scan.counts
        counts.trueNegatives -= ignoredVoxels
        self.label = Int(label)
        self.counts = counts
        presence = counts.presence
        dice = counts.dice
        iou = counts.iou
        precision = counts.precision
        recall = counts.recall
        specificity = counts.predicted == 0 ? nil : counts.specificity
        hausdorffMM = surfaces?.hausdorff
        hausdorffPercentileMM = surfaces.map { surfaces in
            let percentile = options.hausdorffPercentile
            switch options.hausdorffDefinition {
            case .monai: return surfaces.hausdorff(percentile: percentile)
            case .medpy: return surfaces.pooledHausdorff(percentile: percentile)
            case .deepmind:
                return WeightedSurfaceDistances(prediction, reference, label, grid, in: surfaces.box)
                    .hausdorff(percentile: percentile)
            }
        }
        averageSurfaceDistanceMM = surfaces?.average
        // If one surface is missing, no voxel of the other is within any tolerance.
        let unmatched: Double? = counts.presence == .bothEmpty ? nil : 0
        surfaceDice = surfaces?.surfaceDice(toleranceMM: options.surfaceDiceToleranceMM) ?? unmatched
        predictionVolumeML = Double(counts.predicted) * grid.voxelVolumeML
        referenceVolumeML = Double(counts.actual) * grid.voxelVolumeML
        volumeErrorML = counts.presence == .bothEmpty ? nil : predictionVolumeML - referenceVolumeML
        relativeVolumeError =
            counts.actual == 0 ? nil : Double(counts.predicted - counts.actual) / Double(counts.actual)
    }

    /// Measures several classes of two label maps, in the given order.
    /// - Parameter ignoredVoxels: The number of voxels that are not measured; they are background in both maps.
    /// - Throws: `MetricsError` if a mask does not fit the grid.
    public static func evaluate(
        prediction: [UInt8], reference: [UInt8], classes: [UInt8], grid: MaskGrid, options: MetricOptions,
        ignoredVoxels: Int = 0
    ) throws -> [SegmentationMetrics] {
        try classes.map {
            try SegmentationMetrics(
                prediction: prediction, reference: reference, label: $0, grid: grid, options: options,
                ignoredVoxels: ignoredVoxels)
        }
    }

    /// Measures labels of any number up to 65535, in the given order.
    ///
    /// The masks are renumbered for up to 255 labels at a time, as many as fit in a byte.
    /// - Throws: `MetricsError` if a mask does not fit the grid.
    public static func evaluate(
        prediction: [UInt16], reference: [UInt16], labels: [UInt16], grid: MaskGrid, options: MetricOptions
    ) throws -> [SegmentationMetrics] {
        try stride(from: 0, to: labels.count, by: 255).flatMap { first in
            let part = labels[first..<min(first + 255, labels.count)]
            var classes = [UInt8](repeating: 0, count: 1 << 16)
            for (index, label) in part.enumerated() { classes[Int(label)] = UInt8(index + 1) }
            let metrics = try evaluate(
                prediction: prediction.map { classes[Int($0)] }, reference: reference.map { classes[Int($0)] },
                classes: part.indices.map { UInt8($0 - first + 1) }, grid: grid, options: options)
            return zip(metrics, part).map { measured, label in
                var measured = measured
                measured.label = Int(label)
                return measured
            }
        }
    }

    /// The numbers of the MED_Segmentation report, which the background dominates.
    public var seedCompat: SeedCompat { SeedCompat(counts) }
}

extension SegmentationMetrics {
    private enum CodingKeys: String, CodingKey {
        case label, presence, counts, dice, iou, precision, recall, specificity
        case hausdorffMM = "hausdorff_mm"
        case hausdorffPercentileMM = "hd95_mm"
        case averageSurfaceDistanceMM = "average_surface_distance_mm"
        case surfaceDice = "surface_dice"
        case predictionVolumeML = "prediction_volume_ml"
        case referenceVolumeML = "reference_volume_ml"
        case volumeErrorML = "volume_error_ml"
        case relativeVolumeError = "relative_volume_error"
    }

    /// Writes every key; undefined values are null.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(label, forKey: .label)
        try container.encode(presence, forKey: .presence)
        try container.encode(counts, forKey: .counts)
        try container.encode(dice, forKey: .dice)
        try container.encode(iou, forKey: .iou)
        try container.encode(precision, forKey: .precision)
        try container.encode(recall, forKey: .recall)
        try container.encode(specificity, forKey: .specificity)
        try container.encode(hausdorffMM, forKey: .hausdorffMM)
        try container.encode(hausdorffPercentileMM, forKey: .hausdorffPercentileMM)
        try container.encode(averageSurfaceDistanceMM, forKey: .averageSurfaceDistanceMM)
        try container.encode(surfaceDice, forKey: .surfaceDice)
        try container.encode(volumeErrorML, forKey: .volumeErrorML)
        try container.encode(relativeVolumeError, forKey: .relativeVolumeError)
        try container.encode(predictionVolumeML, forKey: .predictionVolumeML)
        try container.encode(referenceVolumeML, forKey: .referenceVolumeML)
    }
}
