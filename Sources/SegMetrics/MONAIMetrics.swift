/// The values that MONAI 1.6.1's `compute_*` functions return for a case, including their results for empty masks.
///
/// Dice and IoU are NaN if the reference is empty (`ignore_empty=True`). If one mask is empty, the Hausdorff and
/// average distances are infinite, the percentile distance is NaN and the surface Dice is 0. If both masks are empty,
/// all values are NaN.
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
    /// The metrics of this case as MONAI 1.6.1 computes them.
    public var monai: MONAIMetrics {
        let referenceIsEmpty = presence == .spurious || presence == .bothEmpty
        let unmatched = presence == .bothEmpty ? Double.nan : .infinity
        return MONAIMetrics(
            dice: referenceIsEmpty ? .nan : dice ?? .nan, iou: referenceIsEmpty ? .nan : iou ?? .nan,
            hausdorffMM: hausdorffMM ?? unmatched, hausdorffPercentileMM: hausdorffPercentileMM ?? .nan,
            averageSurfaceDistanceMM: averageSurfaceDistanceMM ?? unmatched, surfaceDice: surfaceDice ?? .nan)
    }
}
