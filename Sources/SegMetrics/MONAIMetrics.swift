/// The values that MONAI 1.6.1's `compute_*` functions return for a case, its choices for empty masks included.
///
/// Dice and IoU are NaN when the reference is empty (`ignore_empty=True`); a one-sided empty mask has an infinite
/// Hausdorff and average distance, a NaN percentile distance and a surface Dice of 0; two empty masks are NaN throughout.
public struct MONAIMetrics: Sendable {
    /// `compute_dice`.
    public let dice: Double
    /// `compute_iou`.
    public let iou: Double
    /// `compute_hausdorff_distance(percentile=None, spacing=)`, mm.
    public let hausdorffMM: Double
    /// `compute_hausdorff_distance(percentile=, spacing=)`, mm.
    public let hausdorffPercentileMM: Double
    /// `compute_average_surface_distance(symmetric=True, spacing=)`, mm.
    public let averageSurfaceDistanceMM: Double
    /// `compute_surface_dice(spacing=)`.
    public let surfaceDice: Double
}

extension SegmentationMetrics {
    /// This case as MONAI 1.6.1 reports it.
    public var monai: MONAIMetrics {
        let referenceIsEmpty = presence == .spurious || presence == .bothEmpty
        let unmatched = presence == .bothEmpty ? Double.nan : .infinity
        return MONAIMetrics(
            dice: referenceIsEmpty ? .nan : dice ?? .nan, iou: referenceIsEmpty ? .nan : iou ?? .nan,
            hausdorffMM: hausdorffMM ?? unmatched, hausdorffPercentileMM: hausdorffPercentileMM ?? .nan,
            averageSurfaceDistanceMM: averageSurfaceDistanceMM ?? unmatched, surfaceDice: surfaceDice ?? .nan)
    }
}
