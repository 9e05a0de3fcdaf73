import Foundation
import SegCore
import SegData
import SegImaging
import SegMetrics

/// The metrics of cases and classes, as a table and as files.
struct Evaluation {
    private let labels: [Int: String]
    /// What the uncertainties are worth, where they were asked for.
    var calibration: CalibrationStudy?
    private let metricOptions: MetricOptions
    private let bootstrap: Bootstrap
    private var cases: [MetricsDocument.Case] = []

    init(labels: [Int: String], options: MetricOptions, bootstrap: Bootstrap = Bootstrap()) {
        self.labels = labels
        metricOptions = options
        self.bootstrap = bootstrap
    }

    /// Measures a network's mask against the classes of a label map, on the label map's grid.
    mutating func add(
        _ name: String, prediction: [UInt8], truth: [UInt8], on label: Volume, classes: Range<Int>
    ) throws {
        let metrics = try SegmentationMetrics.evaluate(
            prediction: prediction, reference: truth, classes: classes.map { UInt8($0) }, grid: Self.grid(of: label),
            options: metricOptions)
        append(name, metrics)
    }

    /// Measures one label map against another on the same grid, every label that either holds.
    mutating func add(
        _ name: String, prediction: [UInt16], reference: [UInt16], on scan: Volume
    ) throws {
        var isPresent = [Bool](repeating: false, count: 1 << 16)
        for mask in [prediction, reference] { for label in mask { isPresent[Int(label)] = true } }
        let present = (1...UInt16.max).filter { isPresent[Int($0)] }
        // Two empty masks are one class that neither holds.
        let labels = present.isEmpty ? [1] : present
        let metrics = try SegmentationMetrics.evaluate(
            prediction: prediction, reference: reference, labels: labels, grid: Self.grid(of: scan),
            options: metricOptions)
        append(name, metrics)
    }

    private static func grid(of volume: Volume) throws -> MaskGrid {
        try MaskGrid(size: [volume.size.i, volume.size.j, volume.size.k], spacingMM: volume.spacing)
    }

    private mutating func append(_ name: String, _ metrics: [SegmentationMetrics]) {
        cases.append(
            MetricsDocument.Case(
                name: name, classes: metrics.map { MetricsDocument.Class(name: className($0.label), metrics: $0) }))
    }

    /// A class's name; where two labels share one, with the label.
    private func className(_ label: Int) -> String {
        guard let name = labels[label] else { return "class \(label)" }
        return labels.values.count { $0 == name } > 1 ? "\(name) \(label)" : name
    }

    /// Everything, for programs.
    var document: MetricsDocument {
        MetricsDocument(
            cases: cases,
            options: MetricsDocument.Options(
                surfaceDiceToleranceMM: metricOptions.surfaceDiceToleranceMM,
                hd95Definition: metricOptions.hausdorffDefinition, bootstrap: bootstrap),
            calibration: calibration?.document)
    }

    /// Mean Dice over cases and classes; nil where it is defined nowhere.
    var meanDice: Double? {
        MetricSummary(cases.flatMap(\.classes).map(\.metrics.dice), bootstrap: bootstrap).mean
    }

    /// A line for each case and class, then the summary of each class and what it leaves out.
    var table: String { document.table }
}

extension Metric {
    /// A value as tables show it: millimetres and millilitres to the hundredth, or small ones to three digits.
    func text(_ value: Double?) -> String {
        switch self {
        case .hausdorffMM, .hausdorffPercentileMM, .averageSurfaceDistanceMM, .volumeErrorML:
            value?.text(decimals: 2) ?? "–"
        default: value.map { String(format: "%.4f", $0) } ?? "–"
        }
    }

    /// What tables call it.
    var title: String {
        switch self {
        case .dice: "Dice"
        case .iou: "IoU"
        case .precision: "precision"
        case .recall: "recall"
        case .specificity: "specificity"
        case .hausdorffMM: "HD mm"
        case .hausdorffPercentileMM: "HD95 mm"
        case .averageSurfaceDistanceMM: "ASSD mm"
        case .surfaceDice: "NSD"
        case .volumeErrorML: "volume error ml"
        case .relativeVolumeError: "relative"
        }
    }
}

extension MetricsDocument {
    /// A line for each case and class, then mean, spread and interval, and what is to be known of them.
    var table: String {
        var table = TextTable(["case", "class"] + Metric.allCases.map(\.title))
        for item in cases {
            for row in item.classes {
                table.append([item.name, row.name] + Metric.allCases.map { $0.text($0.value(of: row.metrics)) })
            }
        }
        let statistics: [(String, (MetricSummary) -> Double?)] = [
            ("mean", \.mean), ("sd", \.standardDeviation), ("median", \.median),
            ("95 % from", { $0.interval?.lowerBound }), ("95 % to", { $0.interval?.upperBound }),
        ]
        for name in classNames where cases.count > 1 {
            guard let summary = summary[name] else { continue }
            for (title, value) in statistics {
                table.append([title, name] + Metric.allCases.map { $0.text(value(summary[$0])) })
            }
        }
        return (table.lines + remarks).joined(separator: "\n")
    }

    private var remarks: [String] {
        var lines = [
            "HD95 as \(options.hd95Definition.rawValue) defines it; NSD: surface Dice at "
                + "\(options.surfaceDiceToleranceMM) mm; ASSD: average symmetric surface distance"
        ]
        for name in classNames {
            guard let summary = summary[name] else { continue }
            if summary.emptyCases > 0 {
                lines.append(
                    "\(name): \(summary.emptyCases) of \(summary.cases) cases with an empty mask "
                        + "(\(summary.missed) missed, \(summary.spurious) spurious, \(summary.bothEmpty) both empty)")
            }
            if let seed = summary.seedCompat {
                lines.append(
                    String(
                        format: "seed_compat %@: voxel_accuracy %.6f, jaccard_2ch %.6f "
                            + "(the report's precision = recall = specificity, and its IoU: background included)", name,
                        seed.voxelAccuracy, seed.jaccard2Channel))
            }
        }
        return lines
    }
}
