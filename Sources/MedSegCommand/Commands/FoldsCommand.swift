import ArgumentParser
import Foundation
import SegBackend
import SegCore
import SegData
import SegImaging
import SegInference
import SegMetrics
import SegNNUNet
import SegStudy
import SegTrain
import SegYAML

/// `medseg folds`.
struct FoldsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "folds",
        abstract: "Combines the folds of a cross-validation: measures and compares them, and writes one model.",
        discussion: """
            RUN… are run folders of `medseg train`: the folds of one configuration or of several, which together \
            validate each case of one dataset once. Everything that is missing or does not fit is reported at once. \
            Each fold predicts its own validation cases unless RUN/validation already holds them. DIR gets summary.md \
            and summary.json (with nnU-Net's keys), metrics of each configuration for `compare` and `report`, figures, \
            postprocessing.json and model/. model/ is a model folder: the folds of the best configuration and their \
            postprocessing. `medseg predict --model DIR/model` runs them as an ensemble.

            With --train there is one argument: plans of nnU-Net or a configuration (YAML). Its missing folds are \
            trained first, one after another, into DIR/CONFIGURATION/fold_0 and so on; an interrupted fold is resumed. \
            If the same command is run again, it completes what is missing.
            """)

    @Argument(help: "Run folders; with --train plans of nnU-Net (plans.json) or a configuration (YAML).")
    var runs: [String]

    @Option(help: "The folder to write.")
    var out: String

    @Flag(help: "First train the folds that are missing.")
    var train = false

    @Option(help: "With plans, the raw dataset; otherwise the path of the runs' dataset if it has moved.")
    var data: String?

    @Option(
        parsing: .upToNextOption,
        help: "With plans, the configurations to train: 3d_fullres, 3d_lowres, 2d; 3d_fullres by default.")
    var configuration: [String] = []

    @Option(name: .customLong("set"), help: "With --train, change an entry of the configuration; repeatable.")
    var changes: [String] = []

    @Option(help: "Also write all folds as a results folder of nnU-Net.")
    var exportNnunet: String?

    @Option(help: "The tolerance of surface Dice, in mm.")
    var tolerance = 2.0

    @Option(help: "The number of bootstrap samples for the interval of the mean.")
    var bootstrap = 10_000

    @Option(help: "The random seed of the bootstrap.")
    var bootstrapSeed: UInt64 = 0

    @OptionGroup var device: DeviceOptions
    @OptionGroup var printing: PrintingOptions

    @Flag(help: "Write over an earlier summary.")
    var force = false

    func run() throws {
        guard (1...10_000_000).contains(bootstrap) else {
            throw UsageError("--bootstrap should be from 1 to 10000000, not \(bootstrap)")
        }
        guard tolerance >= 0, tolerance.isFinite else {
            throw UsageError("--tolerance should be a length of at least 0 mm, not \(tolerance)")
        }
        guard train || (configuration.isEmpty && changes.isEmpty) else {
            throw UsageError("--configuration and --set apply to training; they need --train")
        }
        guard !train || runs.count == 1 else {
            throw UsageError("--train needs one argument, plans or a configuration, not \(runs.count)")
        }
        for name in ["summary.md", "model"] { try OutputFolder.refuseExisting("\(out)/\(name)", force: force || train) }
        let trainings = train ? try FoldTrainings(runs[0], data: data, configuration, changes, out: out) : nil
        try trainings?.checkWhatIsThere()
        if let exportNnunet, let trainings { try FoldRun.checkExports(trainings.exported, to: exportNnunet) }
        let backend = try device.makeBackend(quiet: printing.quiet)
        try trainings?.run(on: backend, force: force, quiet: printing.quiet)
        let set = try FoldSet(runs: trainings?.folders ?? runs)
        if let exportNnunet {
            let exported = set.configurations.flatMap(\.runs).map { run in
                FoldRun.Exported(
                    folder: run.folder, configuration: run.configuration, origin: run.origin, isNew: false)
            }
            try FoldRun.checkExports(exported, to: exportNnunet)
        }
        let dataset = try Dataset(path: train ? set.dataset : data ?? set.dataset)
        let study = FoldStudy(
            set, dataset: dataset, options: try MetricOptions(surfaceDiceToleranceMM: tolerance),
            bootstrap: Bootstrap(samples: bootstrap, seed: bootstrapSeed))
        var progress = EvaluationProgress("predict", quiet: printing.quiet)
        let text = try OutputFolder.filling(out) {
            try study.write(to: out, on: backend) { event in
                progress.show(event)
                if case .note(let file, let sentence) = event { note("\(file): \(sentence)") }
            }
        }
        if let exportNnunet {
            for run in set.configurations.flatMap(\.runs) {
                print("nnU-Net: \(try run.export(to: exportNnunet, on: backend))")
            }
        }
        print(text, terminator: "")
    }
}

/// The training runs of all folds, with nnU-Net plans or with one training configuration.
private struct FoldTrainings {
    private struct Fold {
        let folder: String
        let configuration: TrainingConfiguration
        let origin: NNUNetOrigin?
    }

    private let folds: [Fold]

    /// The run folders.
    var folders: [String] { folds.map(\.folder) }

    init(_ file: String, data: String?, _ names: [String], _ changes: [String], out: String) throws {
        if ["yaml", "yml"].contains((file as NSString).pathExtension.lowercased()) {
            guard data == nil, names.isEmpty else {
                throw UsageError("--data and --configuration apply only to plans of nnU-Net; change \(file) with --set")
            }
            folds = try Self.folds(ofYAML: file, changes, out: out)
            return
        }
        guard let data else { throw UsageError("plans are trained on a raw dataset; give it with --data") }
        let planned = try NNUNetPlannedDataset(plans: file, data: data)
        guard !planned.foldNames.isEmpty else {
            throw UsageError("\(data) has too few cases for folds; use medseg train with --fold all")
        }
        folds = try (names.isEmpty ? ["3d_fullres"] : names).flatMap { name in
            try planned.foldNames.map { fold in
                Fold(
                    folder: "\(out)/\(name)/fold_\(fold)",
                    configuration: try TrainingConfiguration(
                        planned.document(configuration: name, fold: fold).applying(changes), source: file),
                    origin: planned.origin(configuration: name, fold: fold))
            }
        }
    }

    /// The folds of a configuration, with cases assigned by nnU-Net's rule.
    private static func folds(ofYAML file: String, _ changes: [String], out: String) throws -> [Fold] {
        let document = try ConfigValue(yamlFile: file, changes: changes)
        let name = ((file as NSString).lastPathComponent as NSString).deletingPathExtension
        guard !FoldSet.reserved.contains(name) else {
            throw UsageError(
                "\(file): the folder of the folds would be '\(name)', but the summary needs the name \(name); rename the file"
            )
        }
        let configuration = try TrainingConfiguration(document, source: file)
        guard configuration.model.labelScheme.regions == nil else {
            throw UsageError(
                "\(file): regions may overlap, and the folds of such runs cannot be combined; train them with medseg "
                    + "train, or give labels in place of regions")
        }
        let dataset = try Dataset(path: configuration.data)
        if case .file(let split) = configuration.validation {
            throw UsageError(
                "\(file): the folds are new and would ignore the split \(split); remove it from the key validation")
        }
        guard dataset.ownSplits.isEmpty else {
            throw UsageError(
                "\(configuration.data) has its own split, which the folds would ignore; train its folds with medseg "
                    + "train, and give their run folders")
        }
        let cases = dataset.cases.map(\.name)
        guard let dealt = NNUNetFolds(cases: cases) else {
            throw UsageError("\(file): its dataset has \(cases.count) cases, too few for \(NNUNetFolds.count) folds")
        }
        // One model folder holds all folds, so they share one fingerprint; nnU-Net measures the whole dataset too.
        let measured = try configuration.measured(over: dataset.cases, of: dataset)
        return try (0..<NNUNetFolds.count).map { number in
            var fold = measured
            fold.validation = .names(try dealt.validation(of: number, cases: cases))
            return Fold(folder: "\(out)/\(name)/fold_\(number)", configuration: fold, origin: nil)
        }
    }

    /// Checks, before anything is trained, that the existing folds are the ones that the arguments ask for.
    func checkWhatIsThere() throws {
        let faults = FaultList(source: "the folds", key: nil)
        for fold in folds where FileManager.default.fileExists(atPath: "\(fold.folder)/config.json") {
            faults.part { try FoldRun(folder: fold.folder).check(is: fold.configuration, of: fold.origin) }
        }
        try faults.finish()
    }

    /// The folds, as they would be written for nnU-Net.
    var exported: [FoldRun.Exported] {
        folds.map {
            FoldRun.Exported(folder: $0.folder, configuration: $0.configuration, origin: $0.origin, isNew: false)
        }
    }

    /// Trains the folds that are not trained yet.
    func run(on backend: any Backend, force: Bool, quiet: Bool) throws {
        for (number, fold) in folds.enumerated() {
            let standing = try FoldRun.standing(of: fold.folder)
            guard standing != .trained else { continue }
            if !quiet { note("fold \(number + 1) of \(folds.count): \(fold.folder)") }
            let job = TrainingJob(
                configuration: fold.configuration, folder: fold.folder, isResumed: standing != .missing,
                origin: fold.origin, force: force, quiet: quiet)
            if let summary = try job.run(on: backend) { note(summary) }
        }
    }
}
