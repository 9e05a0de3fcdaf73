internal import Foundation
internal import SegCore
public import SegMetrics

/// A comparison of two models' metrics on the same cases.
public struct ModelComparison: Sendable {
    /// A class: its cases in order, and every metric compared.
    public struct Class: Sendable {
        /// The class's name.
        public let name: String
        /// The cases that both models were measured on.
        public let cases: [String]
        /// The first model's metrics, by case.
        public let first: [SegmentationMetrics]
        /// The second model's metrics, by case.
        public let second: [SegmentationMetrics]
        /// The comparisons of every metric, as the second model's value minus the first's.
        public let metrics: [PairedComparison]
    }

    /// The names of the files with the models' metrics.
    public let names: (first: String, second: String)
    /// The classes, by label.
    public let classes: [Class]
    /// The cases that occur in only one file.
    public let leftOut: [String]
    /// The classes that at least one common case has in only one file; such a case is left out of the class.
    public let leftOutClasses: [String]

    /// Pairs the cases of two documents by name.
    /// - Parameter files: The names of the documents, for tables and errors.
    /// - Throws: `DataError` if the documents were measured with different options or share no case.
    public init(_ first: MetricsDocument, _ second: MetricsDocument, files: (String, String)) throws {
        guard first.options == second.options else {
            throw DataError(
                .badData, files.1, key: "options",
                "was measured with \(second.options.summary), but \(files.0) with \(first.options.summary); "
                    + "measure both with the same options")
        }
        names = files
        func rows(_ document: MetricsDocument) -> [String: [String: SegmentationMetrics]] {
            Dictionary(
                document.cases.map { item in
                    (item.name, Dictionary(item.classes.map { ($0.name, $0.metrics) }) { first, _ in first })
                }
            ) { first, _ in first }
        }
        let (a, b) = (rows(first), rows(second))
        let shared = first.cases.map(\.name).filter { b[$0] != nil }
        leftOut = Set(a.keys).symmetricDifference(b.keys).sorted()
        guard !shared.isEmpty else {
            throw DataError(.badData, files.1, key: "cases", "has no case in common with \(files.0)")
        }
        let ofFirst = first.classNames
        let classNames = ofFirst + second.classNames.filter { !ofFirst.contains($0) }
        leftOutClasses = classNames.filter { name in
            shared.contains { (a[$0]?[name] == nil) != (b[$0]?[name] == nil) }
        }
        classes = try classNames.compactMap { name in
            let cases = shared.filter { a[$0]?[name] != nil && b[$0]?[name] != nil }
            guard !cases.isEmpty else { return nil }
            let ours = cases.compactMap { a[$0]?[name] }
            let theirs = cases.compactMap { b[$0]?[name] }
            let metrics = try Metric.allCases.map { metric in
                try PairedComparison(
                    metric, first: ours.map(metric.value(of:)), second: theirs.map(metric.value(of:)),
                    bootstrap: first.options.bootstrap)
            }
            return Class(name: name, cases: cases, first: ours, second: theirs, metrics: metrics)
        }
    }

    /// A text table of one metric for every case, then of every metric over the cases.
    public func table(_ metric: Metric) -> String {
        var lines = ["A: \(names.first)", "B: \(names.second)", ""]
        var cases = TextTable(["case", "class", "A \(metric.title)", "B \(metric.title)", "B - A", "better"])
        for item in classes {
            for (number, name) in item.cases.enumerated() {
                let (a, b) = (metric.value(of: item.first[number]), metric.value(of: item.second[number]))
                let difference = a.flatMap { a in b.map { $0 - a } }
                cases.append([
                    name, item.name, metric.text(a), metric.text(b), metric.text(difference),
                    metric.better(a, b).map { $0 ? "B" : "A" } ?? "–",
                ])
            }
        }
        lines += cases.lines + [""]
        var summary = TextTable([
            "metric", "class", "n", "mean B - A", "95 % from", "95 % to", "B better", "A better", "p", "only A",
            "only B",
        ])
        for item in classes {
            for paired in item.metrics {
                let metric = paired.metric
                summary.append([
                    metric.title, item.name, "\(paired.n)", metric.text(paired.difference.mean),
                    metric.text(paired.difference.interval?.lowerBound),
                    metric.text(paired.difference.interval?.upperBound), "\(paired.wins)", "\(paired.losses)",
                    paired.p.map { String(format: "%.4f", $0) } ?? "–", "\(paired.onlyFirst)", "\(paired.onlySecond)",
                ])
            }
        }
        lines += summary.lines
        lines.append(
            "95 %: bootstrap interval of the mean difference; p: Wilcoxon's signed-rank test, two-sided; "
                + "only A, only B: cases for which the other has no value")
        if !leftOutClasses.isEmpty {
            lines.append(
                "classes in which cases are left out, because only one of the two files has a measurement: "
                    + leftOutClasses.joined(separator: ", "))
        }
        if !leftOut.isEmpty { lines.append("left out, in one file only: \(leftOut.joined(separator: ", "))") }
        return lines.joined(separator: "\n")
    }

    /// The comparison for programs, by class and metric.
    public func json() throws -> String {
        func number(_ value: Double?) -> ConfigValue { value.map { .double($0) } ?? .null }
        let entries = classes.map { item -> (String, ConfigValue) in
            let metrics = item.metrics.map { paired -> (String, ConfigValue) in
                let difference = paired.difference
                return (
                    paired.metric.rawValue,
                    [
                        "n": .int(paired.n), "mean_difference": number(difference.mean),
                        "median_difference": number(difference.median), "sd": number(difference.standardDeviation),
                        "interval_low": number(difference.interval?.lowerBound),
                        "interval_high": number(difference.interval?.upperBound), "wins": .int(paired.wins),
                        "losses": .int(paired.losses), "wilcoxon_p": number(paired.p),
                        "only_a": .int(paired.onlyFirst), "only_b": .int(paired.onlySecond),
                        "a": .array(item.first.map { number(paired.metric.value(of: $0)) }),
                        "b": .array(item.second.map { number(paired.metric.value(of: $0)) }),
                    ]
                )
            }
            return (
                item.name,
                [
                    "cases": .array(item.cases.map { .string($0) }),
                    "metrics": .object(Dictionary(metrics) { first, _ in first }),
                ]
            )
        }
        let document: ConfigValue = [
            "a": .string(names.first), "b": .string(names.second),
            "left_out": .array(leftOut.map { .string($0) }),
            "left_out_classes": .array(leftOutClasses.map { .string($0) }),
            "classes": .object(Dictionary(entries) { first, _ in first }),
        ]
        return try document.jsonText()
    }
}

extension MetricsDocument.Options {
    fileprivate var summary: String {
        "surface Dice at \(surfaceDiceToleranceMM) mm, HD95 as \(hd95Definition.rawValue), "
            + "\(bootstrap.samples) draws with seed \(bootstrap.seed)"
    }
}
