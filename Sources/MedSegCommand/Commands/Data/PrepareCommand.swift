import ArgumentParser
import SegCore
import SegData
import SegInference
import SegModels
import SegTrain
import SegYAML

/// `medseg data prepare`.
struct PrepareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prepare",
        abstract: "Preprocesses every case of a training run to the network's grid, into the cache that the run reads.",
        discussion: """
            A training run that finds no prepared cases prepares them at its start. The cache is the \
            configuration's `cache`. A case is prepared again if its files or the preprocessing change.
            """)

    @Argument(help: "The training's configuration (YAML).")
    var config: String

    @Option(name: .customLong("set"), help: "Change an entry of the configuration, such as cache=prepared; repeatable.")
    var changes: [String] = []

    @OptionGroup var printing: PrintingOptions

    func run() throws {
        let value = try ConfigValue(yamlFile: config, changes: changes)
        let given = try TrainingConfiguration(value, source: config)
        guard let folder = given.cache.folder else {
            throw DataError(.badData, config, key: "cache", "is none, but prepared cases need a cache folder; give one")
        }
        let dataset = try Dataset(path: given.data)
        let configuration = try measured(given, of: dataset)
        let (channels, classes) = (try configuration.model.inputChannels, try configuration.model.classCount)
        let labels = configuration.model(of: dataset).labelScheme
        configuration.cache.removeLeftovers()
        var bar = ProgressBar("prepare", quiet: printing.quiet)
        for (number, item) in dataset.cases.enumerated() {
            bar.show(Double(number) / Double(dataset.cases.count), item.name)
            _ = try configuration.cache.prepare(
                item, configuration.model.preprocessing, channels: channels, classes: classes, labels: labels)
        }
        bar.show(1, "\(dataset.cases.count) cases")
        bar.finish()
        print("\(folder): \(dataset.cases.count) cases")
    }

    /// The configuration with the fingerprint that its training run will measure.
    private func measured(
        _ configuration: TrainingConfiguration, of dataset: Dataset
    ) throws -> TrainingConfiguration {
        guard !configuration.isMeasured else { return configuration }
        let training = try configuration.split(dataset) { _ in }.training
        var bar = ProgressBar("measure", quiet: printing.quiet)
        let measured = try configuration.measured(over: training, of: dataset) { done, name in
            bar.show(Double(done) / Double(training.count), name)
        }
        bar.show(1, "\(training.count) cases")
        bar.finish()
        return measured
    }
}
