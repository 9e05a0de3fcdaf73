import ArgumentParser
import Foundation
import SegMetrics
import SegStudy

/// `medseg compare`.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compares two models case by case: two metrics.json of `medseg evaluate` on the same cases.",
        discussion: """
            Prints one metric for each case, then for every metric the mean difference with its bootstrap interval, \
            the number of cases on which each model is better, and the p-value of Wilcoxon's signed-rank test.
            """)

    @Argument(help: "The metrics of model A.")
    var first: String

    @Argument(help: "The metrics of model B.")
    var second: String

    @Option(help: ArgumentHelp("The metric to list case by case.", valueName: "metric"))
    var metric = Metric.dice

    @Option(help: "Write the comparison to this JSON file.")
    var out: String?

    @Flag(help: "Print JSON in place of the tables.")
    var json = false

    @Flag(help: "Write over an existing file.")
    var force = false

    func run() throws {
        try OutputFolder.refuseExisting(out, force: force)
        let comparison = try ModelComparison(
            MetricsDocument(file: first), MetricsDocument(file: second), files: (first, second))
        let text = try comparison.json()
        if let out { try OutputFolder.write(text, to: out) }
        print(json ? text : comparison.table(metric), terminator: json ? "" : "\n")
    }
}
