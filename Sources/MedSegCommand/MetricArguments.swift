import ArgumentParser
import SegMetrics
import SegStudy

/// Options for measuring masks.
struct MetricArguments: ParsableArguments {
    @Option(help: "The tolerance of surface Dice, in mm; default 2.")
    var tolerance: Double?

    @Option(help: "The definition of HD95: monai, medpy or deepmind; default monai.")
    var hd95: HausdorffDefinition?

    @Option(help: "The number of bootstrap samples for the interval of the mean; default 10000.")
    var bootstrap: Int?

    @Option(help: "The random seed of the bootstrap; default 0.")
    var bootstrapSeed: UInt64?

    /// The names of the options that are given.
    var given: [String] {
        let options = [
            ("--tolerance", tolerance != nil), ("--hd95", hd95 != nil), ("--bootstrap", bootstrap != nil),
            ("--bootstrap-seed", bootstrapSeed != nil),
        ]
        return options.filter { $0.1 }.map { $0.0 }
    }

    /// Refuses numbers outside their ranges.
    func check() throws {
        if let bootstrap, !(1...10_000_000).contains(bootstrap) {
            throw UsageError("--bootstrap should be from 1 to 10000000, not \(bootstrap)")
        }
        if let tolerance, !(tolerance >= 0 && tolerance.isFinite) {
            throw UsageError("--tolerance should be a length of at least 0 mm, not \(tolerance)")
        }
    }

    var options: MetricOptions {
        get throws {
            try MetricOptions(surfaceDiceToleranceMM: tolerance ?? 2, hausdorffDefinition: hd95 ?? .monai)
        }
    }

    var draws: Bootstrap { Bootstrap(samples: bootstrap ?? 10_000, seed: bootstrapSeed ?? 0) }

    /// Measures a mask against another, or the masks of a folder against the masks of another folder, case by case.
    /// - Parameter labels: Labels that are measured in every case of folders, also if they occur in none of their masks.
    /// - Throws: `UsageError` if one is a folder and the other a file; the errors of `MaskPairs` and `Evaluation.add`.
    func measure(
        _ prediction: String, against reference: String, labels: Set<UInt16> = [],
        report: (DatasetEvaluation.Event) -> Void
    ) throws -> Evaluation {
        var evaluation = Evaluation(labels: [:], options: try options, bootstrap: draws)
        switch (MaskPairs.isFolder(prediction), MaskPairs.isFolder(reference)) {
        case (true, true):
            try evaluation.add(
                MaskPairs(predictions: prediction, references: reference), labels: labels, report: report)
        case (false, false): try evaluation.add(mask: prediction, against: reference, report: report)
        case (let isFolder, _):
            throw UsageError(
                "\(isFolder ? prediction : reference) is a folder of masks, but the other is not; give two folders or two files"
            )
        }
        return evaluation
    }
}
