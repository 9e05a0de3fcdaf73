internal import Foundation
public import SegBackend
internal import SegCore
public import SegData
internal import SegImaging
internal import SegInference
public import SegMetrics
internal import SegReport
internal import SegWeights

/// A whole cross-validation: every case is measured with a network that was not trained on it, and configurations are compared.
/// The postprocessing of the best configuration is chosen, and its folds are combined in one model folder. The core of
/// `medseg folds`.
///
/// Corresponds to nnU-Net's `nnUNetv2_find_best_configuration`, without ensembles of two configurations.
public struct FoldStudy {
    /// The cases of a configuration, measured out of fold.
    private struct Pooled {
        let configuration: FoldSet.Configuration
        let metrics: MetricsDocument
        let summary: ValidationSummary
        let model: ModelDescription

        /// The value by which the best configuration is chosen.
        var rank: Double { summary.foregroundDice ?? -1 }
    }

    private let set: FoldSet
    private let dataset: Dataset
    private let options: MetricOptions
    private let bootstrap: Bootstrap

    /// Creates a study of runs that belong together.
    /// - Parameters:
    ///   - dataset: The dataset of the runs.
    ///   - options: The options for distances and the surface Dice.
    ///   - bootstrap: The sampling for the intervals of the means.
    public init(_ set: FoldSet, dataset: Dataset, options: MetricOptions, bootstrap: Bootstrap = Bootstrap()) {
        (self.set, self.dataset, self.options, self.bootstrap) = (set, dataset, options, bootstrap)
    }

    /// Predicts the cases that are not predicted yet, measures, chooses and writes everything into a folder.
    /// - Returns: The text of `summary.md`.
    /// - Throws: `DataError` naming a file that cannot be read or written; errors of the models.
    public func write(
        to folder: String, on backend: any Backend, report: (DatasetEvaluation.Event) -> Void
    ) throws -> String {
        // `summary.md` is removed first, because its presence means that everything is done.
        try? FileManager.default.removeItem(atPath: "\(folder)/summary.md")
        for run in set.configurations.flatMap(\.runs) {
            try FoldValidation(run, dataset: dataset).complete(on: backend, report: report)
        }
        let pooled = try set.configurations.map(measured)
        let best = pooled.indices.dropFirst().reduce(0) { pooled[$1].rank > pooled[$0].rank ? $1 : $0 }
        let (model, trials) = (pooled[best].model, try trials(of: pooled[best]))
        let hasOwnSteps = !model.postprocessing.isEmpty || !model.maskPlan.after.isEmpty
        let choice = PostprocessingChoice(
            trials, labels: try FoldValidation(pooled[best].configuration.runs[0], dataset: dataset).labels,
            choosing: !hasOwnSteps)
        for item in pooled {
            try OutputFolder.write(item.metrics.json(), to: "\(folder)/\(item.configuration.name)/metrics.json")
            try OutputFolder.write(
                item.summary.document.jsonText(), to: "\(folder)/\(item.configuration.name)/summary.json")
        }
        try OutputFolder.write(choice.after.document.jsonText(), to: "\(folder)/summary.json")
        try OutputFolder.write(choice.document.jsonText(), to: "\(folder)/postprocessing.json")
        try draw(pooled, to: "\(folder)/figures")
        try writeModel(pooled[best], choice, to: "\(folder)/model")
        let text = try page(pooled, best: best, choice, hasOwnSteps: hasOwnSteps)
        try OutputFolder.write(text, to: "\(folder)/summary.md")
        return text
    }

    private func measured(_ configuration: FoldSet.Configuration) throws -> Pooled {
        let folds = try configuration.runs.map { try FoldValidation($0, dataset: dataset) }
        let (model, labels) = (folds[0].model, try folds[0].labels)
        var evaluation = Evaluation(
            labels: model.classNames(of: dataset), options: options, bootstrap: bootstrap)
        var summary = ValidationSummary(labels: labels)
        for fold in folds {
            try fold.forEachCase { measured in
                try evaluation.add(
                    measured.name, prediction: measured.prediction, truth: measured.truth, on: measured.label,
                    classes: 1..<labels.count + 1, ignored: measured.ignored)
                summary.add(measured)
            }
        }
        return Pooled(
            configuration: configuration, metrics: evaluation.document, summary: summary, model: model)
    }

    private func trials(of pooled: Pooled) throws -> PostprocessingChoice.Trials {
        let folds = try pooled.configuration.runs.map { try FoldValidation($0, dataset: dataset) }
        var trials = PostprocessingChoice.Trials(labels: try folds[0].labels)
        for fold in folds { try fold.forEachCase { trials.add($0) } }
        return trials
    }

    /// Writes a model folder whose prediction uses all folds.
    private func writeModel(_ pooled: Pooled, _ choice: PostprocessingChoice, to folder: String) throws {
        var model = pooled.model
        if !choice.groups.isEmpty { model.maskPlan.after = choice.steps }
        let states = try pooled.configuration.runs.map { run in
            try Weights.read(Predictor.weightsFile(in: run.modelFolder)).tensors
        }
        try ModelFolder.write(model, states, to: folder)
    }

    // MARK: Text and figures for the user

    private func draw(_ pooled: [Pooled], to folder: String) throws {
        try OutputFolder.make(folder)
        let titles = pooled.map(\.configuration.name)
        for name in pooled[0].metrics.classNames {
            try MetricsDocument.boxPlot(of: name, pooled.map(\.metrics), titles: titles)
                .write(to: URL(fileURLWithPath: "\(folder)/metrics_\(name.replacing("/", with: "_")).png"))
        }
        let curves = try pooled.flatMap { item in
            try item.configuration.runs.enumerated().map { number, run in
                try RunCurves(folder: run.folder, name: "\(item.configuration.name) \(number)") { _ in }
            }
        }
        try RunCurves.plot(curves, title: "Training", subtitle: "\(curves.count) folds")
            .write(to: URL(fileURLWithPath: "\(folder)/curves.png"))
    }

    private func page(
        _ pooled: [Pooled], best: Int, _ choice: PostprocessingChoice, hasOwnSteps: Bool
    ) throws -> String {
        let runs = pooled.flatMap(\.configuration.runs).count
        var lines = [
            "# Cross-validation", "",
            "\(set.cases.count) cases of \(dataset.name), each predicted by a network that was not trained on it; "
                + "\(runs) runs of \(pooled.count) \(pooled.count == 1 ? "configuration" : "configurations").", "",
        ]
        lines += table(pooled) + [""]
        lines.append(
            "Dice over the cases that hold a class; 95 %: bootstrap interval of the mean, \(bootstrap.samples) draws with seed "
                + "\(bootstrap.seed). The other metrics are in `CONFIGURATION/metrics.json`.")
        if pooled.count > 1 {
            lines += ["", "`\(pooled[best].configuration.name)` has the highest mean Dice and is chosen."]
            for (number, item) in pooled.enumerated() where number != best {
                let comparison = try ModelComparison(
                    item.metrics, pooled[best].metrics,
                    files: (item.configuration.name, pooled[best].configuration.name))
                lines += ["", "```", comparison.table(.dice), "```"]
            }
        }
        lines += ["", "## Postprocessing", ""] + sentences(choice, pooled[best], hasOwnSteps: hasOwnSteps)
        return lines.joined(separator: "\n") + "\n"
    }

    private func table(_ pooled: [Pooled]) -> [String] {
        var lines = [
            "| configuration | class | cases | mean Dice | sd | median | 95 % from | 95 % to |",
            "|---|---|---|---|---|---|---|---|",
        ]
        func cell(_ value: Double?) -> String { Metric.dice.text(value) }
        for item in pooled {
            for name in item.metrics.classNames {
                guard let dice = item.metrics.summary[name]?[.dice] else { continue }
                let values = [
                    dice.mean, dice.standardDeviation, dice.median, dice.interval?.lowerBound,
                    dice.interval?.upperBound,
                ]
                lines.append(
                    "| \(item.configuration.name) | \(name) | \(dice.n) | "
                        + values.map(cell).joined(separator: " | ") + " |")
            }
            lines.append(
                "| \(item.configuration.name) | mean of classes | | \(cell(item.summary.foregroundDice)) | | | | |")
        }
        return lines
    }

    private func sentences(_ choice: PostprocessingChoice, _ pooled: Pooled, hasOwnSteps: Bool) -> [String] {
        guard !hasOwnSteps else { return ["The model has its own steps, which are kept."] }
        guard !choice.groups.isEmpty else {
            return ["No step raises the Dice: `model` does not change masks."]
        }
        let names = choice.groups.map { labels in
            labels.map { pooled.model.classNames(of: dataset)[$0] ?? "class \($0)" }.joined(separator: ", ")
        }
        let (before, after) = (choice.before.foregroundDice, choice.after.foregroundDice)
        return names.map { "- Only the largest connected component of \($0) is kept." } + [
            "",
            "The mean Dice of the classes rises from \(Metric.dice.text(before)) to \(Metric.dice.text(after)). `model` applies the "
                + "steps; `postprocessing.json` has them in nnU-Net's form, but nnU-Net itself reads a pickle instead.",
        ]
    }
}
