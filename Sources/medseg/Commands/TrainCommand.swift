import ArgumentParser
import SegBackend
import SegModels
import SegTrain

/// `medseg train`.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a network on a dataset, as a YAML file says.",
        discussion: """
            Writes a run folder: config.json, split.json, training.csv, validation.csv, figures, and the model folders that \
            predict and evaluate take: model/ is the best by validation (or the latest, where nothing is set aside), last/ \
            the latest. See examples/ for configurations.
            """)

    @Argument(help: "The configuration (YAML).")
    var config: String

    @Option(help: "The run folder to write.")
    var out: String

    @Option(name: .customLong("set"), help: "Change an entry, as optimizer.learning_rate=0.001; repeatable.")
    var changes: [String] = []

    @OptionGroup var device: DeviceOptions
    @OptionGroup var printing: PrintingOptions

    @Flag(help: "Write into a folder that holds files.")
    var force = false

    func run() throws {
        let value = try ConfigValue(yamlFile: config, changes: changes)
        let configuration = try TrainingConfiguration(value, source: config)
        let backend = try device.makeBackend()
        try OutputFolder.prepare(out, force: force)
        if !printing.quiet { note("device \(backend.name): \(backend.details)") }
        let result = try TrainingRun(configuration, folder: out, on: backend, quiet: printing.quiet).run()
        print(result)
    }
}
