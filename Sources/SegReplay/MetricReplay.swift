internal import SegCore
internal import SegMetrics
internal import SegModels
internal import SegWeights

/// Replays the metrics of a prediction against a reference. They are computed on the host, for every device.
struct MetricReplay {
    private let capture: Capture

    init(_ capture: Capture) { self.capture = capture }

    func run() throws -> [Comparison] {
        let (prediction, reference) = (try capture.tensor("in.prediction"), try capture.tensor("in.reference"))
        let reader = capture.arguments
        let options = try MetricOptions(
            surfaceDiceToleranceMM: reader.required(
                "surface_dice_tolerance_mm", reader.double("surface_dice_tolerance_mm")),
            hausdorffPercentile: reader.required("percentile", reader.double("percentile")))
        let grid = try MaskGrid(
            size: prediction.shape, spacingMM: reader.required("spacing", reader.doubles("spacing")))
        let metrics = try SegmentationMetrics(
            prediction: prediction.integers().map { UInt8(clamping: $0) },
            reference: reference.integers().map { UInt8(clamping: $0) }, label: 1, grid: grid, options: options)
        let (counts, monai) = (metrics.counts, metrics.monai)
        let ours: [String: [Double]] = [
            "confusion_tp_fp_tn_fn": [
                counts.truePositives, counts.falsePositives, counts.trueNegatives, counts.falseNegatives,
            ].map(Double.init),
            "dice": [monai.dice], "iou": [monai.iou], "hausdorff": [monai.hausdorffMM],
            "hausdorff95": [monai.hausdorffPercentileMM],
            "average_surface_distance": [monai.averageSurfaceDistanceMM], "surface_dice": [monai.surfaceDice],
        ]
        return try capture.names("out.").flatMap { name in
            let theirs = try capture.tensor("out." + name).floats()
            guard let values = ours[name], values.count == theirs.count else {
                throw DataError(
                    .badData, capture.path, key: "out." + name,
                    "has an unknown name or a wrong number of values, \(theirs.count); known metrics: "
                        + "\(ours.keys.sorted())")
            }
            return zip(values, theirs).map { Comparison("out." + name, metric: $0, theirs: Double($1)) }
        }
    }
}
