internal import Foundation
internal import SegCore
package import SegMetrics

extension Metric {
    /// The text of a value in tables. Millimetres and millilitres have two decimals, or three significant digits if the
    /// value is below 0.1 or at least 1e9; the other metrics have four decimals.
    package func text(_ value: Double?) -> String {
        switch self {
        case .hausdorffMM, .hausdorffPercentileMM, .averageSurfaceDistanceMM, .volumeErrorML:
            value?.text(decimals: 2) ?? "–"
        default: value.map { String(format: "%.4f", $0) } ?? "–"
        }
    }

    /// The title of the metric in tables.
    package var title: String {
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
    /// The document as a text table: one line per case and class, then mean, spread and interval, and remarks about
    /// them.
    public var table: String {
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
