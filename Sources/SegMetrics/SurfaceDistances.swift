internal import SegCore

/// The distances in mm between the surfaces of two masks, in both directions.
///
/// The definition is MONAI 1.6.1's. The surface of a mask is the mask without its erosion by the 6-neighbourhood;
/// voxels beyond the grid count as outside. The distance of a surface voxel is the Euclidean distance to the nearest
/// surface voxel of the other mask, between voxel centres.
public struct SurfaceDistances: Sendable {
    /// The distances from every surface voxel of the prediction to the reference's surface, sorted.
    public let predictionToReference: [Double]
    /// The distances from every surface voxel of the reference to the prediction's surface, sorted.
    public let referenceToPrediction: [Double]
    /// The bounding box of both masks.
    let box: Box

    /// Measures one class of two label maps; `nil` unless both contain the class.
    /// - Throws: `MetricsError` if a mask does not fit the grid.
    public init?(prediction: [UInt8], reference: [UInt8], label: UInt8, grid: MaskGrid) throws {
        try grid.check(prediction, "prediction")
        try grid.check(reference, "reference")
        let scan = ClassScan(prediction, reference, label: label, size: grid.size)
        self.init(prediction, reference, label, grid, scan)
    }

    init?(_ prediction: [UInt8], _ reference: [UInt8], _ label: UInt8, _ grid: MaskGrid, _ scan: ClassScan) {
        guard scan.counts.presence == .both, let box = scan.jointBox else { return nil }
        // The joint box contains both surfaces, and both masks are empty outside it; therefore no margin is needed.
        self.box = box
        let predicted = Self.surface(of: prediction, label, in: box, of: grid)
        let actual = Self.surface(of: reference, label, in: box, of: grid)
        let transform = DistanceTransform(size: box.size, spacing: grid.spacingMM)
        predictionToReference = transform.distances(to: actual, at: predicted).sorted()
        referenceToPrediction = transform.distances(to: predicted, at: actual).sorted()
    }

    /// The larger of the two directed maxima: `compute_hausdorff_distance(percentile=None)`.
    public var hausdorff: Double { hausdorff(percentile: 100) }

    /// The larger of the two directed percentiles: `compute_hausdorff_distance(percentile:)`.
    public func hausdorff(percentile: Double) -> Double {
        max(
            Self.percentile(percentile, ofSorted: predictionToReference),
            Self.percentile(percentile, ofSorted: referenceToPrediction))
    }

    /// The percentile of the pooled distances of both directions; medpy's `hd95` at 95.
    public func pooledHausdorff(percentile: Double) -> Double {
        Self.percentile(percentile, ofSorted: (predictionToReference + referenceToPrediction).sorted())
    }

    /// The mean distance from the prediction to the reference: `compute_average_surface_distance(symmetric=False)`.
    public var averageToReference: Double {
        predictionToReference.reduce(0, +) / Double(predictionToReference.count)
    }

    /// The mean of the pooled distances of both directions: `compute_average_surface_distance(symmetric=True)`.
    public var average: Double {
        (predictionToReference.reduce(0, +) + referenceToPrediction.reduce(0, +))
            / Double(predictionToReference.count + referenceToPrediction.count)
    }

    /// The fraction of both surfaces' voxels within a tolerance in mm: `compute_surface_dice(use_subvoxels=False)`.
    public func surfaceDice(toleranceMM: Double) -> Double {
        // Compared in single precision, as in MONAI: 3 * 0.1 mm is within a tolerance of 0.3 mm.
        let limit = Float(toleranceMM)
        let within = [predictionToReference, referenceToPrediction].map { distances in
            distances.count { Float($0) <= limit }
        }
        return Double(within[0] + within[1]) / Double(predictionToReference.count + referenceToPrediction.count)
    }

    /// The percentile (0 to 100) with linear interpolation between ranks, as in `torch.quantile` and NumPy.
    static func percentile(_ percentile: Double, ofSorted values: [Double]) -> Double {
        let rank = percentile / 100 * Double(values.count - 1)
        let below = min(max(Int(rank), 0), values.count - 1)
        let above = min(below + 1, values.count - 1)
        return values[below] + (values[above] - values[below]) * (rank - Double(below))
    }

    /// The voxels of a class in a box that have a 6-neighbour outside the class or outside the box.
    static func surface(of mask: [UInt8], _ label: UInt8, in box: Box, of grid: MaskGrid) -> [Bool] {
        let size = box.size
        let stride1 = grid.size[2]
        let stride0 = grid.size[1] * stride1
        return [Bool](unsafeUninitializedCapacity: box.count) { surface, count in
            nonisolated(unsafe) let surface = surface
            concurrently(size[0]) { planes in
                mask.withUnsafeBufferPointer { mask in
                    var out = planes.lowerBound * size[1] * size[2]
                    for i in planes {
                        for j in 0..<size[1] {
                            let onFace = i == 0 || i == size[0] - 1 || j == 0 || j == size[1] - 1
                            let row = (box.lower[0] + i) * stride0 + (box.lower[1] + j) * stride1 + box.lower[2]
                            for k in 0..<size[2] {
                                let at = row + k
                                surface[out] =
                                    mask[at] == label
                                    && (onFace || k == 0 || k == size[2] - 1
                                        || mask[at - 1] != label || mask[at + 1] != label
                                        || mask[at - stride1] != label || mask[at + stride1] != label
                                        || mask[at - stride0] != label || mask[at + stride0] != label)
                                out += 1
                            }
                        }
                    }
                }
            }
            count = box.count
        }
    }
}
