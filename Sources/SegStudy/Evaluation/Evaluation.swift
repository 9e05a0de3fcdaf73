internal import SegCore
public import SegImaging
public import SegMetrics

/// The metrics of predicted masks against references, case by case and class by class.
public struct Evaluation {
    private let labels: [Int: String]
    /// The quality of the uncertainties, if they were measured.
    public var calibration: CalibrationStudy?
    /// Whether the document contains the MED_Segmentation report's own numbers, `SeedCompat`.
    public var hasSeedCompat = false
    /// The measured cases that are training cases of the model; nil if the training cases are unknown.
    public var trainingCases: [String]?
    private let metricOptions: MetricOptions
    private let bootstrap: Bootstrap
    private var cases: [MetricsDocument.Case] = []

    /// Creates an evaluation without cases.
    /// - Parameters:
    ///   - labels: The names of the classes, by label.
    ///   - options: The definition of the percentile Hausdorff distance, and the tolerance of the surface Dice.
    ///   - bootstrap: The sampling for the intervals of the means.
    public init(labels: [Int: String], options: MetricOptions, bootstrap: Bootstrap = Bootstrap()) {
        self.labels = labels
        metricOptions = options
        self.bootstrap = bootstrap
    }

    /// Measures a network's mask against the classes of a label map, on the label map's grid.
    /// - Parameters:
    ///   - name: The case.
    ///   - prediction: The predicted class of every voxel, in `Volume`'s order.
    ///   - truth: The class of every voxel of the label map.
    ///   - label: The label map, for its grid.
    ///   - classes: The classes that are measured.
    ///   - ignored: Whether each voxel is left out; nil if none is.
    /// - Throws: `MetricsError` if a mask does not fit the grid.
    public mutating func add(
        _ name: String, prediction: [UInt8], truth: [UInt8], on label: Volume, classes: Range<Int>,
        ignored: [Bool]? = nil
    ) throws {
        let metrics = try SegmentationMetrics.evaluate(
            prediction: TruthReader.background(prediction, where: ignored),
            reference: TruthReader.background(truth, where: ignored), classes: classes.map { UInt8($0) },
            grid: Self.grid(of: label), options: metricOptions, ignoredVoxels: Self.count(of: ignored))
        append(name, metrics)
    }

    /// Measures regions that may overlap, each a map of 0 and 1 on the label map's grid.
    /// - Parameter ignored: Whether each voxel is left out; nil if none is.
    /// - Throws: `MetricsError` if a map does not fit the grid.
    public mutating func add(
        _ name: String, regions: [(prediction: [UInt8], reference: [UInt8])], on label: Volume, ignored: [Bool]? = nil
    ) throws {
        let grid = try Self.grid(of: label)
        let metrics = try regions.enumerated().map { channel, maps in
            var metrics = try SegmentationMetrics(
                prediction: TruthReader.background(maps.prediction, where: ignored),
                reference: TruthReader.background(maps.reference, where: ignored), label: 1, grid: grid,
                options: metricOptions, ignoredVoxels: Self.count(of: ignored))
            metrics.label = channel
            return metrics
        }
        append(name, metrics)
    }

    /// Measures one label map against another on the same grid, for every label that occurs in either.
    /// - Parameter labels: Labels that are also measured if they occur in neither.
    /// - Throws: `MetricsError` if a mask does not fit the scan's grid.
    public mutating func add(
        _ name: String, prediction: [UInt16], reference: [UInt16], on scan: Volume, labels others: Set<UInt16> = []
    ) throws {
        var isPresent = [Bool](repeating: false, count: 1 << 16)
        for mask in [prediction, reference] { for label in mask { isPresent[Int(label)] = true } }
        for label in others { isPresent[Int(label)] = true }
        let present = (1...UInt16.max).filter { isPresent[Int($0)] }
        // Two empty masks count as one class that occurs in neither.
        let labels = present.isEmpty ? [1] : present
        let metrics = try SegmentationMetrics.evaluate(
            prediction: prediction, reference: reference, labels: labels, grid: Self.grid(of: scan),
            options: metricOptions)
        append(name, metrics)
    }

    /// The number of voxels that are left out.
    private static func count(of ignored: [Bool]?) -> Int { ignored?.count { $0 } ?? 0 }

    private static func grid(of volume: Volume) throws -> MaskGrid {
        try MaskGrid(
            size: [volume.size.d, volume.size.h, volume.size.w], spacingMM: volume.spacing,
            voxelVolumeML: volume.voxelVolumeML)
    }

    private mutating func append(_ name: String, _ metrics: [SegmentationMetrics]) {
        cases.append(
            MetricsDocument.Case(
                name: name, classes: metrics.map { MetricsDocument.Class(name: className($0.label), metrics: $0) }))
    }

    /// The name of a class, followed by its label if several labels share the name.
    private func className(_ label: Int) -> String {
        guard let name = labels[label] else { return "class \(label)" }
        return labels.values.count { $0 == name } > 1 ? "\(name) \(label)" : name
    }

    /// The whole evaluation, for programs.
    public var document: MetricsDocument {
        MetricsDocument(
            cases: cases,
            options: MetricsDocument.Options(
                surfaceDiceToleranceMM: metricOptions.surfaceDiceToleranceMM,
                hd95Definition: metricOptions.hausdorffDefinition, bootstrap: bootstrap),
            calibration: calibration?.document, hasSeedCompat: hasSeedCompat, trainingCases: trainingCases)
    }

    /// The mean Dice over cases and classes; nil if it is undefined for all.
    public var meanDice: Double? {
        MetricSummary(cases.flatMap(\.classes).map(\.metrics.dice), bootstrap: bootstrap).mean
    }

    /// A text table: one line per case and class, then the summary of each class and its counts of empty masks.
    public var table: String { document.table }
}
