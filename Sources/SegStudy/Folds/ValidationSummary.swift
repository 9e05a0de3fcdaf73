package import SegCore
internal import SegMetrics

/// Counts and overlaps of cases in the form of nnU-Net's `summary.json`; undefined values are null, because JSON has no
/// NaN, which nnU-Net writes.
package struct ValidationSummary {
    private struct Case {
        let files: (mask: String, label: String)
        let counts: [Int: ConfusionCounts]
    }

    private let labels: [Int]
    private var cases: [Case] = []

    /// Creates a summary without cases.
    /// - Parameter labels: The labels of the foreground.
    init(labels: [Int]) { self.labels = labels }

    /// Counts the voxels of a case and adds it.
    mutating func add(_ measured: FoldValidation.Measured) {
        add(files: measured.files, ConfusionCounts.of(measured, prediction: measured.prediction, labels))
    }

    /// Adds a case that is already counted.
    mutating func add(files: (mask: String, label: String), _ counts: [Int: ConfusionCounts]) {
        cases.append(Case(files: files, counts: counts))
    }

    /// The same cases with the counts of some labels from another summary.
    func replacing(_ labels: [Int], by other: ValidationSummary) -> ValidationSummary {
        var replaced = self
        replaced.cases = zip(cases, other.cases).map { own, other in
            Case(files: own.files, counts: own.counts.merging(other.counts.filter { labels.contains($0.key) }) { $1 })
        }
        return replaced
    }

    /// The values of nnU-Net for a label.
    private static let metrics: [(name: String, value: @Sendable (ConfusionCounts) -> Double?)] = [
        ("Dice", \.dice), ("IoU", \.iou), ("FN", { Double($0.falseNegatives) }), ("FP", { Double($0.falsePositives) }),
        ("TN", { Double($0.trueNegatives) }), ("TP", { Double($0.truePositives) }),
        ("n_pred", { Double($0.predicted) }), ("n_ref", { Double($0.actual) }),
    ]

    /// The Dice of a label for each case; nil if the label occurs in neither mask.
    func dice(of label: Int) -> [Double?] { cases.map { $0.counts[label]?.dice } }

    /// The mean Dice of a label over the cases in which it occurs; nil if it occurs in none.
    package func meanDice(of label: Int) -> Double? { mean(dice(of: label)) }

    /// The mean over the labels of their mean Dice; nil if no label has one.
    var foregroundDice: Double? { mean(labels.map { meanDice(of: $0) }) }

    private func mean(_ values: [Double?]) -> Double? {
        let defined = values.compactMap(\.self)
        return defined.isEmpty ? nil : defined.reduce(0, +) / Double(defined.count)
    }

    /// The document.
    package var document: ConfigValue {
        func row(_ value: ((ConfusionCounts) -> Double?) -> Double?) -> ConfigValue {
            .object(
                Dictionary(Self.metrics.map { ($0.name, value($0.value).map { .double($0) } ?? .null) }) { first, _ in
                    first
                })
        }
        func means(_ label: Int, _ metric: (ConfusionCounts) -> Double?) -> Double? {
            mean(cases.map { $0.counts[label].flatMap(metric) })
        }
        func byLabel(_ row: (Int) -> ConfigValue) -> ConfigValue {
            .object(Dictionary(labels.map { ("\($0)", row($0)) }) { first, _ in first })
        }
        return [
            // NumPy's mean over the labels is NaN if one label has no value.
            "foreground_mean": row { metric in
                let values = labels.map { means($0, metric) }
                return values.contains(nil) ? nil : mean(values)
            },
            "mean": byLabel { label in row { means(label, $0) } },
            "metric_per_case": .array(
                cases.map { item in
                    [
                        "metrics": byLabel { label in row { item.counts[label].flatMap($0) } },
                        "prediction_file": .string(item.files.mask), "reference_file": .string(item.files.label),
                    ]
                }),
        ]
    }
}

extension ConfusionCounts {
    /// The counts of labels over the voxels of a case that are not ignored.
    static func of(
        _ measured: FoldValidation.Measured, prediction: [UInt8], _ labels: [Int]
    ) -> [Int: ConfusionCounts] {
        var (both, predicted, actual, voxels) = (
            [Int](repeating: 0, count: 256), [Int](repeating: 0, count: 256), [Int](repeating: 0, count: 256), 0
        )
        for (voxel, (found, wanted)) in zip(prediction, measured.truth).enumerated() {
            if measured.ignored?[voxel] == true { continue }
            voxels += 1
            predicted[Int(found)] += 1
            actual[Int(wanted)] += 1
            if found == wanted { both[Int(found)] += 1 }
        }
        return Dictionary(
            labels.map { label in
                let (tp, p, t) = (both[label], predicted[label], actual[label])
                return (
                    label,
                    ConfusionCounts(
                        truePositives: tp, falsePositives: p - tp, falseNegatives: t - tp,
                        trueNegatives: voxels - p - t + tp)
                )
            }
        ) { first, _ in first }
    }
}
