import ArgumentParser
import Foundation
import SegMetrics
import SegStudy

/// `medseg compare`.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract:
            "Compares two models case by case: two metrics.json of `medseg evaluate`, or two folders of masks, of the same cases.",
        discussion: """
            Folders of masks are measured against the labels of --reference, by name: case_mask.nii.gz or case.nii.gz with \
            case.nii.gz. --tolerance, --hd95 and the draws are for folders; files were measured already. \
            Prints each case by one metric, then for every metric the mean difference with its bootstrap interval, how many \
            cases each model does better on, and the p of Wilcoxon's signed-rank test.
            """)

    @Argument(help: "The metrics of model A, or the folder of its masks.")
    var first: String

    @Argument(help: "The metrics of model B, or the folder of its masks.")
    var second: String

    @Option(help: "The folder of labels that folders of masks are measured against.")
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
        let comparison = try ModelComparison(
            document(of: first), document(of: second), files: (first, second))
        let text = try comparison.json()
        if let out { try OutputFolder.write(text, to: out) }
        print(json ? text : comparison.table(metric), terminator: json ? "" : "\n")
    }

    /// The metrics of a file, or of a folder of masks.
    private func document(of input: String) throws -> MetricsDocument {
        guard MaskPairs.isFolder(input) else {
            guard reference == nil else {
                throw UsageError(
                    "\(input) is no folder of masks, and --reference is what such folders are measured against; leave it out, "
                        + "or name two folders")
            }
            return try MetricsDocument(file: input)
        }
        guard let reference else {
            throw UsageError("\(input) is a folder of masks; say with --reference what they are measured against")
        }
        guard MaskPairs.isFolder(reference) else {
            throw UsageError("--reference \(reference) is no folder of masks")
        }
        return try metrics.measure(input, against: reference) { event in
            if case .note(let file, let sentence) = event { note("\(file): \(sentence)") }
        }.document
    }
}
