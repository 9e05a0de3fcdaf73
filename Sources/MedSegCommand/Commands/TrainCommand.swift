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
        abstract: "Trains a network on a dataset, as a YAML file says.",
        discussion: """
            Writes a run folder: config.json, split.json, training.csv, validation.csv, figures, the checkpoint that \
            --resume goes on from, and the model folders that predict and evaluate take: model/ is the best by \
            validation (or the latest, where nothing is set aside), last/ the latest. `preset:` in the YAML file takes \
            report, tutorial or nnunet as a base. See examples/ for configurations.

            --nnunet-plan PLANS --data DATASET trains a configuration of nnU-Net's plans in place of a YAML file: its \
            network, patch, batch, preprocessing, loss and optimiser, with an augmentation much like nnU-Net's. \
            --print-config shows them, and --set changes them.

            A run that was stopped, by Ctrl-C or by anything else, goes on with --resume RUN and ends with the same \
            weights, bit for bit. Then only \(TrainingConfiguration.changeableOnResume.joined(separator: ", ")) may be \
            set to something else; a changed configuration or changed data are refused. A second training into the \
            folder of a running one is refused too. Lines of tables and journal that a power cut damaged are put aside in \
            files that end in .damaged.

            Started by mpirun or srun, the ranks divide the batches of each step, `accumulate`, and the cases of each \
            validation: 1, 2, 4 … ranks that divide accumulate end with the same weights, bit for bit, and a run goes on with \
            --resume on another number of them. See docs/scale.md.
            """)

    @Argument(help: "The configuration (YAML); with --resume the run's own, if left out.")
    var config: String?

    @OptionGroup var nnUNet: NNUNetPlanOptions

    @Option(help: "The run folder to write.")
    var out: String?

    @Option(help: "The run folder to go on with.")
    var resume: String?

    @Option(name: .customLong("set"), help: "Change an entry, as optimizer.learning_rate=0.001; repeatable.")
    var changes: [String] = []

    @OptionGroup var device: DeviceOptions
    @OptionGroup var printing: PrintingOptions

    @Flag(help: "Write into a folder that holds files.")
    var force = false

    @Flag(help: "Print the configuration, preset and defaults of the training written in, and do nothing.")
    var printConfig = false

    func run() throws {
        let configuration = try readConfiguration()
        if printConfig {
            return print(try configuration.resolved.yamlText(), terminator: "")
        }
        guard let folder = resume ?? out else {
            throw UsageError("name the run folder: --out DIR, or --resume DIR to go on with one")
        }
        if !printing.quiet, let remark = Launch.remarkOnAllocation(environment: ProcessInfo.processInfo.environment) {
            note(remark)
        }
        try Ranks.together { try train(configuration, in: folder, $0) }
    }

    private func train(_ configuration: TrainingConfiguration, in folder: String, _ ranks: Ranks) throws {
        let backend = try device.makeBackend(quiet: printing.quiet, ranks: ranks)
        if ranks.isFirst, resume == nil { try OutputFolder.refuseFilled(folder, force: force) }
        let run = TrainingRun(
            configuration, folder: folder, on: backend, ranks: ranks, version: MedSeg.configuration.version, note: note)
        func go() throws -> String {
            try run.run(in: folder, resuming: resume != nil, ranks: ranks, quiet: printing.quiet || !ranks.isFirst)
        }
        // The first rank writes, and the others read.
        guard ranks.isFirst else {
            _ = try go()
            return
        }
        let summary = try OutputFolder.filling(folder) {
            try RunFolder.alone(in: folder) {
                // Another training may have filled it and ended meanwhile.
                if resume == nil { try OutputFolder.refuseFilled(folder, force: force) }
                return try go()
            }
        }
        print(summary)
    }

    private func readConfiguration() throws -> TrainingConfiguration {
        guard let resume else {
            if let plans = nnUNet.nnunetPlan {
                guard config == nil else {
                    throw UsageError("--nnunet-plan takes the place of a configuration; give one of them")
                }
                return try TrainingConfiguration(
                    nnUNet.document().applying(changes), source: changes.isEmpty ? plans : "\(plans) with --set")
            }
            try nnUNet.refuse()
            guard let config else { throw UsageError("name a configuration (YAML), or a run with --resume") }
            return try TrainingConfiguration(
                ConfigValue(yamlFile: config, changes: changes),
                source: changes.isEmpty ? config : "\(config) with --set")
        }
        guard nnUNet.nnunetPlan == nil else {
            throw UsageError("--resume \(resume) goes on by the run's own configuration; leave --nnunet-plan out")
        }
        try nnUNet.refuse()
        guard out == nil else { throw UsageError("--resume \(resume) writes into that folder; leave --out out") }
        guard FileManager.default.fileExists(atPath: "\(resume)/config.json") else {
            throw DataError(
                .noInput, resume, "is no run folder: it has no config.json; start one with --out")
        }
        let file = config ?? "\(resume)/config.json"
        let started = try ConfigValue(jsonFile: "\(resume)/config.json")
        var value = try config == nil ? started.applying(changes) : ConfigValue(yamlFile: file, changes: changes)
        // Its default follows from the iterations, which may change; when to validate may not.
        if case .object(var entries) = value, entries["validate_every"] == nil, case .object(let old) = started {
            entries["validate_every"] = old["validate_every"]
            value = .object(entries)
        }
        return try TrainingConfiguration(value, source: file)
    }
}
