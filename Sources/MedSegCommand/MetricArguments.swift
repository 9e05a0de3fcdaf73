import ArgumentParser
import SegMetrics
import SegStudy

/// Options for measuring masks.
struct MetricArguments: ParsableArguments {
    @Option(help: "The tolerance of surface Dice, in mm.")
    var tolerance = 2.0

    @Option(help: "The definition of HD95: monai, medpy or deepmind.")
    var hd95 = HausdorffDefinition.monai

    @Option(help: "The number of bootstrap samples for the interval of the mean.")
    var bootstrap = 10_000

    @Option(help: "The random seed of the bootstrap.")
    var bootstrapSeed: UInt64 = 0

    /// Refuses numbers outside their ranges.
    func check() throws {
        guard (1...10_000_000).contains(bootstrap) else {
            throw UsageError("--bootstrap should be from 1 to 10000000, not \(bootstrap)")
        }
        guard tolerance >= 0, tolerance.isFinite else {
            throw UsageError("--tolerance should be a length of at least 0 mm, not \(tolerance)")
        }
    }

    var options: MetricOptions {
        get throws { try MetricOptions(surfaceDiceToleranceMM: tolerance, hausdorffDefinition: hd95) }
    }

    var draws: Bootstrap { Bootstrap(samples: bootstrap, seed: bootstrapSeed) }

    /// Measures a mask against another, or the masks of a folder against those of another by case.
    /// - Throws: `UsageError` if one is a folder and the other a file; the errors of `MaskPairs` and `Evaluation.add`.
    func measure(
        _ prediction: String, against reference: String, report: (DatasetEvaluation.Event) -> Void
    ) throws -> Evaluation {
        var evaluation = Evaluation(labels: [:], options: try options, bootstrap: draws)
        switch (MaskPairs.isFolder(prediction), MaskPairs.isFolder(reference)) {
        case (true, true):
            try evaluation.add(MaskPairs(predictions: prediction, references: reference), report: report)
        case (false, false): try evaluation.add(mask: prediction, against: reference, report: report)
        case (let isFolder, _):
            throw UsageError(
                "\(isFolder ? prediction : reference) is a folder of masks, but the other is not; give two folders or two files"
            )
        }
        return evaluation
    }
}
