import ArgumentParser
import Foundation
import SegBackend
import SegData
internal import SegImaging
import SegInference
import SegMetrics
import SegStudy

/// `medseg evaluate`.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract:
            "Measures a model against a dataset's labels, or masks against masks, on the scans' own grids; distances in mm.",
        discussion: """
            With --data every case is predicted and compared with its label. With --prediction and --reference two \
            masks are compared, or the masks of two folders: case_mask.nii.gz or case.nii.gz with case.nii.gz. A missed \
            or spurious organ scores 0. A metric that an empty mask leaves undefined is left out of the mean. All such \
            cases are counted. The 95 % interval of the mean is computed by bootstrap over cases. Two models are \
            compared with `medseg compare`.
            """)

    @OptionGroup var model: ModelOptions
    @OptionGroup var uncertainty: UncertaintyArguments
    @OptionGroup var device: DeviceOptions
    @OptionGroup var printing: PrintingOptions

    @Option(help: "A dataset: a folder or its dataset.json.")
    var data: String?

    @Option(parsing: .upToNextOption, help: "Only these cases, by name.")
    var cases: [String] = []

    @Option(help: "Only the cases of this split file, such as the split.json of a run folder; see --part.")
    var split: String?

    /// The list of a split whose cases are measured.
    enum Part: String, ExpressibleByArgument, CaseIterable {
        case training, validation, test
    }

    @Option(help: "The cases of --split to measure: training, validation or test.")
    var part = Part.validation

    @Option(help: "A mask to measure, or a folder of masks, with --reference.")
    var prediction: String?

    @Option(help: "The mask to measure against, or the folder of such masks.")
    var reference: String?

    @OptionGroup var metrics: MetricArguments

    @Flag(help: "Also print accuracy and IoU as the MED_Segmentation report defines them, background included.")
    var seedCompat = false

    @Option(help: "Write the metrics of every case and their summary to this JSON file.")
    var out: String?

    @Option(help: "With --uncertainty, draw the reliability diagram and risk–coverage curve to this PNG or SVG.")
    var calibrationFigure: String?

    @Option(help: "Write the metrics to this CSV file, a row for each case and class.")
    var csv: String?

    @Option(help: "Draw every case, prediction and label, into this folder.")
    var figures: String?

    @Option(help: "Draw figures as png or svg.")
    var format = FigureFormat.png

    @Flag(help: "Print JSON in place of the table.")
    var json = false

    @Flag(help: "Write over an existing file.")
    var force = false

    func run() throws {
        try checkArguments()
        var evaluation = try measured()
        evaluation.hasSeedCompat = seedCompat
        let text = try evaluation.document.json()
        if let out { try OutputFolder.write(text, to: out) }
        if let csv { try OutputFolder.write(evaluation.document.csv, to: csv) }
        if let calibration = evaluation.calibration, let calibrationFigure {
            try OutputFolder.make(URL(fileURLWithPath: calibrationFigure).deletingLastPathComponent().path)
            try calibration.writeFigure(to: calibrationFigure)
        }
        let tables = [evaluation.table, evaluation.calibration?.table].compactMap { $0 }
        print(json ? text : tables.joined(separator: "\n\n"), terminator: json ? "" : "\n")
    }

    /// Refuses invalid arguments, and creates the folder of the figures.
    private func checkArguments() throws {
        for file in [out, csv, calibrationFigure] { try OutputFolder.refuseExisting(file, force: force) }
        if let calibrationFigure,
            FigureFormat(rawValue: URL(fileURLWithPath: calibrationFigure).pathExtension.lowercased()) == nil
        {
            throw UsageError("--calibration-figure should end in .png or .svg, not '\(calibrationFigure)'")
        }
        try metrics.check()
        guard data != nil || (cases.isEmpty && split == nil && figures == nil) else {
            throw UsageError("--cases, --split and --figures apply to the scans of a dataset; give one with --data")
        }
        if let figures { try OutputFolder.prepare(figures, force: force) }
        if calibrationFigure != nil, try uncertainty.options(models: model.model.count) == nil {
            throw UsageError("--calibration-figure needs --uncertainty, --mirror or several --model")
        }
        if split == nil, part != .validation { throw UsageError("--part chooses a list of a split; pass --split FILE") }
    }

    /// Measures a model on a dataset, or masks against masks.
    private func measured() throws -> Evaluation {
        switch (data, prediction, reference) {
        case (let data?, nil, nil): return try evaluate(Dataset(path: data), at: data)
        case (nil, let prediction?, let reference?):
            guard try uncertainty.options(models: 1) == nil, calibrationFigure == nil else {
                throw UsageError(
                    "a comparison of masks has no uncertainty; --uncertainty and --mirror need --data and a model")
            }
            guard model.isEmpty else {
                throw UsageError("a comparison of masks needs no model; leave the model out, or pass --data")
            }
            return try metrics.measure(prediction, against: reference, report: say)
        default: throw UsageError("give what to measure: --data DATASET with a model, or --prediction and --reference")
        }
    }

    private func evaluate(_ dataset: Dataset, at data: String) throws -> Evaluation {
        let wanted = try cases + (split.map { try CaseSplit(file: $0)[part] } ?? [])
        let chosen =
            cases.isEmpty && split == nil ? dataset.cases : try dataset.split(validation: wanted).validation
        guard !chosen.isEmpty else {
            throw UsageError(
                "\(split ?? "the list") has no \(part.rawValue) cases; leave --split out to measure every case")
        }
        let backend = try device.makeBackend(quiet: printing.quiet)
        let segmenter = try uncertainty.segmenter(model.makeEnsemble(on: backend))
        try segmenter.checkRestores(for: "an evaluation")
        if segmenter.description.labelScheme.regions == nil {
            // Without declared regions the label values that belong to a region are unknown.
            try segmenter.checkClasses(for: "an evaluation")
        } else if figures != nil {
            try segmenter.checkClasses(for: "--figures")
        }
        let evaluate = DatasetEvaluation(
            segmenter, of: dataset, options: try metrics.options, bootstrap: metrics.draws)
        let trained = TrainingCases(among: chosen, of: data, models: model.model, split: split)
        if let sentence = trained?.note { note(sentence) }
        var progress = EvaluationProgress("evaluate", quiet: printing.quiet)
        var evaluation = try evaluate(chosen) { event in
            progress.show(event)
            say(event)
        } keep: { measured in
            guard let figures else { return }
            // The mask of painted regions has one number per region; the label map may have several.
            let truth = segmenter.description.labelScheme.painted(measured.truth)
            try OverlayFigure(
                scan: measured.scan, mask: measured.found.mask, reference: truth, title: measured.item.name,
                subtitle: "prediction of \(model.name) and the label", labels: evaluate.labels
            ).write(to: "\(figures)/\(measured.item.name).\(format.rawValue)")
        }
        evaluation.trainingCases = trained?.names
        return evaluation
    }

    private func say(_ event: DatasetEvaluation.Event) {
        if case .note(let file, let sentence) = event { note("\(file): \(sentence)") }
    }
}

extension CaseSplit {
    /// The names of one list.
    fileprivate subscript(part: EvaluateCommand.Part) -> [String] {
        switch part {
        case .training: training
        case .validation: validation
        case .test: test
        }
    }
}
