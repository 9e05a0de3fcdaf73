import ArgumentParser
import Foundation
import SegMetrics
import SegStudy

/// `medseg compare`.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract:
            "Compares two models case by case: two metrics.json of `medseg evaluate`, or two folders of masks.",
        discussion: """
            Masks in folders are measured against the labels of --reference. Files are matched by name: case_mask.nii.gz or \
            case.nii.gz with case.nii.gz. --tolerance, --hd95 and the bootstrap options apply only to folders and are \
            refused for metrics.json files, which hold finished measurements. \
            Prints one metric for each case, then for every metric the mean difference with its bootstrap interval, \
            the number of cases on which each model is better, and the p-value of Wilcoxon's signed-rank test.
            """)

    @Argument(help: "The metrics of model A, or the folder of its masks.")
    var first: String

    @Argument(help: "The metrics of model B, or the folder of its masks.")
    var second: String

    @Option(help: "The folder of the labels with which folders of masks are compared.")
    var reference: String?

    @OptionGroup var metrics: MetricArguments

    @Option(help: ArgumentHelp("The metric to list case by case.", valueName: "metric"))
    var metric = Metric.dice

    @Option(help: "Write the comparison to this JSON file.")
    var out: String?

    @Flag(help: "Print JSON in place of the tables.")
    var json = false

    @Flag(help: "Write over an existing file.")
    var force = false

    func run() throws {
        try metrics.check()
        try OutputFolder.refuseExisting(out, force: force)
        let labels = try labels()
        let comparison = try ModelComparison(
            document(of: first, labels), document(of: second, labels), files: (first, second))
        let text = try comparison.json()
        if let out { try OutputFolder.write(text, to: out) }
        print(json ? text : comparison.table(metric), terminator: json ? "" : "\n")
    }

    /// The labels that occur in any mask of both models or of the reference. A false positive of one model is thus measured in
    /// both.
    private func labels() throws -> Set<UInt16> {
        guard let reference, [first, second, reference].allSatisfy(MaskPairs.isFolder) else { return [] }
        return try [first, second].reduce(into: []) { labels, folder in
            labels.formUnion(try MaskPairs(predictions: folder, references: reference).labels())
        }
    }

    /// Reads the metrics of a file, or measures a folder of masks.
    private func document(of input: String, _ labels: Set<UInt16>) throws -> MetricsDocument {
        guard MaskPairs.isFolder(input) else {
            guard reference == nil else {
                throw UsageError(
                    "\(input) is not a folder of masks, but --reference applies only to such folders; leave it out, or give "
                        + "two folders")
            }
            guard metrics.given.isEmpty else {
                throw UsageError(
                    "\(input) contains finished measurements, but \(metrics.given.joined(separator: ", ")) apply only to folders "
                        + "of masks; leave them out, or give two folders with --reference")
            }
            return try MetricsDocument(file: input)
        }
        guard let reference else {
            throw UsageError("\(input) is a folder of masks; give the folder of their labels with --reference")
        }
        guard MaskPairs.isFolder(reference) else {
            throw UsageError("--reference \(reference) is not a folder of masks; give the folder of the labels")
        }
        return try metrics.measure(input, against: reference, labels: labels) { event in
            if case .note(let file, let sentence) = event { note("\(file): \(sentence)") }
        }.document
    }
}
