import ArgumentParser
import Foundation
import SegBackend
import SegComm
import SegCore
import SegNNUNet
import SegStudy
import SegTrain
import SegYAML

/// `medseg train`.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a network on a dataset, configured by a YAML file.",
        discussion: """
            Writes a run folder: config.json, split.json, training.csv, validation.csv, figures, the checkpoint that \
            --resume continues from, and two model folders for predict and evaluate: model/ is the best by validation \
            (or the latest if no cases are set aside), last/ the latest. The key `preset` of the YAML file \
            selects the defaults: report, tutorial or nnunet. See examples/ for configurations.

            --nnunet-plan PLANS --data DATASET trains a configuration of nnU-Net's plans in place of a YAML file: its \
            network, patch, batch, preprocessing, loss and optimiser, with an augmentation much like nnU-Net's. \
            --print-config shows these settings, and --set changes them. At the end the cases that are set aside are \
            predicted into RUN/validation. --export-nnunet writes a run that nnU-Net can predict with and train on. \
            `medseg folds` combines the folds.

            A run that was stopped, by Ctrl-C or otherwise, continues with --resume RUN and ends with the same \
            weights, bit for bit. Then only \(TrainingConfiguration.changeableOnResume.joined(separator: ", ")) may be \
            changed; other changes to the configuration and changed data are refused. A second training run into the \
            folder of a running one is refused too. Lines of tables and journal that a power cut damaged are moved to \
            files that end in .damaged.

            Started by mpirun or srun, the ranks divide the batches of each step (`accumulate`) and the cases of each \
            validation among them. 1, 2, 4 … ranks end with the same weights, bit for bit, if their number divides \
            accumulate. A run may be resumed with another number of ranks. See docs/scale.md.
            """)

    @Argument(help: "The configuration (YAML); with --resume by default the run's own.")
    var config: String?

    @OptionGroup var nnUNet: NNUNetPlanOptions

    @Option(help: "The run folder to write.")
    var out: String?

    @Option(help: "The run folder to continue.")
    var resume: String?

    @Option(
        name: .customLong("set"),
        help: "Change an entry of the configuration, such as optimizer.learning_rate=0.001; repeatable.")
    var changes: [String] = []

    @Option(help: "At the end, also write the run as a fold of this results folder of nnU-Net.")
    var exportNnunet: String?

    @OptionGroup var device: DeviceOptions
    @OptionGroup var printing: PrintingOptions

    @Flag(help: "Write into a folder that holds files.")
    var force = false

    @Flag(help: "Print the configuration with the preset and all defaults filled in, and exit.")
    var printConfig = false

    func run() throws {
        let (configuration, origin) = try readConfiguration()
        if printConfig {
            return print(try configuration.resolved.yamlText(), terminator: "")
        }
        guard let folder = resume ?? out else {
            throw UsageError("give the run folder: --out DIR, or --resume DIR to continue a run")
        }
        if !printing.quiet, let remark = Launch.remarkOnAllocation(environment: ProcessInfo.processInfo.environment) {
            note(remark)
        }
        try checkExports(configuration, origin, folder)
        let job = TrainingJob(
            configuration: configuration, folder: folder, isResumed: resume != nil, origin: origin, force: force,
            export: exportNnunet, quiet: printing.quiet)
        try Ranks.together { ranks in
            let backend = try device.makeBackend(quiet: printing.quiet, ranks: ranks)
            if let summary = try job.run(on: backend, ranks: ranks) { print(summary) }
        }
    }

    /// Refuses to export a run to nnU-Net that was not trained with plans of nnU-Net.
    private func checkExports(
        _ configuration: TrainingConfiguration, _ origin: NNUNetOrigin?, _ folder: String
    ) throws {
        guard let exportNnunet else { return }
        guard let origin = try origin ?? (resume == nil ? nil : NNUNetOrigin(run: folder)) else {
            throw UsageError("--export-nnunet needs a run by plans of nnU-Net; train with --nnunet-plan")
        }
        let exported = FoldRun.Exported(
            folder: folder, configuration: configuration, origin: origin, isNew: resume == nil)
        try FoldRun.checkExports([exported], to: exportNnunet)
    }

    /// The training configuration, and the nnU-Net plans of a new run.
    private func readConfiguration() throws -> (TrainingConfiguration, NNUNetOrigin?) {
        guard let resume else {
            if let plans = nnUNet.nnunetPlan {
                guard config == nil else {
                    throw UsageError("--nnunet-plan replaces a configuration; give one of them")
                }
                let (document, origin) = try nnUNet.training()
                let source = changes.isEmpty ? plans : "\(plans) with --set"
                return (try TrainingConfiguration(document.applying(changes), source: source), origin)
            }
            try nnUNet.refuse()
            guard let config else { throw UsageError("give a configuration (YAML), or a run with --resume") }
            let source = changes.isEmpty ? config : "\(config) with --set"
            return (try TrainingConfiguration(ConfigValue(yamlFile: config, changes: changes), source: source), nil)
        }
        guard nnUNet.nnunetPlan == nil else {
            throw UsageError("--resume \(resume) continues with the run's own configuration; leave --nnunet-plan out")
        }
        try nnUNet.refuse()
        guard out == nil else { throw UsageError("--resume \(resume) writes into that folder; remove --out") }
        guard FileManager.default.fileExists(atPath: "\(resume)/config.json") else {
            throw DataError(
                .noInput, resume, "is not a run folder: it has no config.json; start a run with --out")
        }
        let file = config ?? "\(resume)/config.json"
        let started = try ConfigValue(jsonFile: "\(resume)/config.json")
        var value = try config == nil ? started.applying(changes) : ConfigValue(yamlFile: file, changes: changes)
        // The default of validate_every depends on the iterations, which may change on resuming; the interval may not.
        if case .object(var entries) = value, entries["validate_every"] == nil, case .object(let old) = started {
            entries["validate_every"] = old["validate_every"]
            value = .object(entries)
        }
        return (try TrainingConfiguration(value, source: file), nil)
    }
}
