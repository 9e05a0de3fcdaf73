import Foundation
import SegData
import SegImaging
import SegMetrics

/// The metrics of cases and classes, as a table and as JSON.
struct Evaluation {
    private let labels: [Int: String]
    private let toleranceMM: Double
    /// What the uncertainties are worth, where they were asked for.
    var calibration: CalibrationStudy?
    private var rows: [(name: String, metrics: [SegmentationMetrics])] = []

    init(labels: [Int: String], toleranceMM: Double) {
        self.labels = labels
        self.toleranceMM = toleranceMM
    }

    /// Measures a mask against a label map on the same grid.
    mutating func add(
        _ name: String, prediction: [UInt8], reference: Volume, file: String, size: Size3, classes: Range<Int>
    ) throws {
        guard reference.size == size else {
            throw ImagingError(
                .badData, file, "the label map is \(reference.size) voxels, its image \(size); they must share a grid")
        }
        let truth = try LabelMap.classes(of: reference, file: file)
        let grid = try MaskGrid(size: [size.i, size.j, size.k], spacingMM: reference.affine.spacing)
        let metrics = try SegmentationMetrics.evaluate(
            prediction: prediction, reference: truth, classes: classes.map { UInt8($0) }, grid: grid,
            options: MetricOptions(surfaceDiceToleranceMM: toleranceMM))
        rows.append((name, metrics))
    }

    private func className(_ label: UInt8) -> String { labels[Int(label)] ?? "class \(label)" }

    private var summaries: [(label: UInt8, summary: CohortSummary)] {
        let all = Dictionary(grouping: rows.flatMap(\.metrics), by: \.label)
        return all.sorted { $0.key < $1.key }.map { ($0.key, CohortSummary($0.value)) }
    }

    /// Mean Dice over cases and classes; nil where it is defined nowhere.
    var meanDice: Double? {
        let values = rows.flatMap(\.metrics).compactMap(\.dice)
        return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }

    /// A number as the table shows it: millimetres to the hundredth.
    private func text(_ metric: Metric, _ value: Double?) -> String {
        let isLength = [.hausdorffPercentileMM, .averageSurfaceDistanceMM].contains(metric)
        return value.map { String(format: isLength ? "%.2f" : "%.4f", $0) } ?? "–"
    }

    /// A line for each case and class, then mean and standard deviation; ASD is the average symmetric surface
    /// distance, NSD the surface Dice.
    var table: String {
        let columns = ["Dice", "IoU", "precision", "recall", "HD95 mm", "ASD mm", "NSD \(toleranceMM) mm"]
        let metrics: [Metric] = [
            .dice, .iou, .precision, .recall, .hausdorffPercentileMM, .averageSurfaceDistanceMM, .surfaceDice,
        ]
        let width = max(12, rows.map(\.name.count).max() ?? 0, labels.values.map(\.count).max() ?? 0) + 2
        func cells(_ texts: [String]) -> String {
            texts.map { String(repeating: " ", count: max(1, 11 - $0.count)) + $0 }.joined()
        }
        func pad(_ text: String) -> String { text.padding(toLength: width, withPad: " ", startingAt: 0) }
        var lines = [pad("case") + pad("class") + cells(columns)]
        for (name, all) in rows {
            for row in all {
                lines.append(
                    pad(name) + pad(className(row.label)) + cells(metrics.map { text($0, $0.value(of: row)) }))
            }
        }
        for (label, summary) in summaries where rows.count > 1 {
            for (name, value) in [("mean", \MetricSummary.mean), ("sd", \MetricSummary.standardDeviation)] {
                let texts = metrics.map { text($0, summary[$0][keyPath: value]) }
                lines.append(pad(name) + pad(className(label)) + cells(texts))
            }
            if summary.emptyCases > 0 {
                lines.append(
                    "\(className(label)): \(summary.emptyCases) of \(summary.cases) cases with an empty mask "
                        + "(\(summary.missed) missed, \(summary.spurious) spurious, \(summary.bothEmpty) both empty)")
            }
        }
        return lines.joined(separator: "\n")
    }

    /// Everything, for programs.
    func json() throws -> String {
        struct Case: Encodable {
            let name: String
            let classes: [Class]
        }
        struct Class: Encodable {
            let name: String
            let metrics: SegmentationMetrics
        }
        struct Summary: Encodable {
            let name: String
            let label: UInt8
            let cohort: CohortSummary
        }
        struct Document: Encodable {
            let surfaceDiceToleranceMM: Double
            let cases: [Case]
            let summary: [Summary]
            let calibration: CalibrationStudy.Document?
        }
        let document = Document(
            surfaceDiceToleranceMM: toleranceMM,
            cases: rows.map { row in
                Case(name: row.name, classes: row.metrics.map { Class(name: className($0.label), metrics: $0) })
            },
            summary: summaries.map { Summary(name: className($0.label), label: $0.label, cohort: $0.summary) },
            calibration: calibration?.document)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
    }
}
