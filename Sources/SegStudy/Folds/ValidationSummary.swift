package import SegCore
internal import SegMetrics

/// Counts and overlaps of cases, as nnU-Net's `summary.json` has them; null stands where nnU-Net writes NaN, which JSON does
/// not have.
package struct ValidationSummary {
    private struct Case {
        let files: (mask: String, label: String)
        let counts: [Int: ConfusionCounts]
    }

    private let labels: [Int]
    private var cases: [Case] = []

    /// A summary of no cases.
    /// - Parameter labels: Those of the foreground.
    init(labels: [Int]) { self.labels = labels }

    /// Counts a case.
    mutating func add(_ measured: FoldValidation.Measured) {
        add(files: measured.files, ConfusionCounts.of(measured, prediction: measured.prediction, labels))
    }

    /// Takes a case that was counted.
    mutating func add(files: (mask: String, label: String), _ counts: [Int: ConfusionCounts]) {
        cases.append(Case(files: files, counts: counts))
    }

    /// The same cases, some labels of which are those of another summary.
    func replacing(_ labels: [Int], by other: ValidationSummary) -> ValidationSummary {
        var replaced = self
        replaced.cases = zip(cases, other.cases).map { own, other in
            Case(files: own.files, counts: own.counts.merging(other.counts.filter { labels.contains($0.key) }) { $1 })
        }
        return replaced
    }

    /// What nnU-Net says of a label.
    private static let metrics: [(name: String, value: @Sendable (ConfusionCounts) -> Double?)] = [
        ("Dice", \.dice), ("IoU", \.iou), ("FN", { Double($0.falseNegatives) }), ("FP", { Double($0.falsePositives) }),
        ("TN", { Double($0.trueNegatives) }), ("TP", { Double($0.truePositives) }),
        ("n_pred", { Double($0.predicted) }), ("n_ref", { Double($0.actual) }),
    ]

    /// Dice of a label by case; nil where neither mask holds it.
    func dice(of label: Int) -> [Double?] { cases.map { $0.counts[label]?.dice } }

    /// Mean Dice of a label over the cases that hold it; nil where none does.
    package func meanDice(of label: Int) -> Double? { mean(dice(of: label)) }

    /// Mean over the labels of their means; nil where none has one.
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
            // NumPy's mean is NaN where a label has none.
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
    /// Counts of labels over the voxels of a case that take part.
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
