import ArgumentParser
import Foundation
import SegBackend
import SegImaging
import SegModels
import SegTrain
import Yams

/// `medseg train`.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Trains a network on a dataset, as a YAML file says.",
        discussion: """
            Writes a run folder: config.json, training.csv, validation.csv, figures, and in model/ the best network by \
            validation (or the last, where nothing is set aside), which predict and evaluate take. See examples/ for \
            configurations.
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
        try OutputFolder.prepare(out, force: force)
        let backend = try device.makeBackend()
        if !printing.quiet { note("device \(backend.name): \(backend.details)") }
        let result = try TrainingRun(configuration, folder: out, on: backend, quiet: printing.quiet).run()
        print(result)
    }
}

extension ConfigValue {
    /// Reads a YAML file and applies `key.path=value` changes, whose values are YAML too.
    init(yamlFile path: String, changes: [String]) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ConfigError(.noInput, source: path, key: nil, "cannot be read")
        }
        var value: ConfigValue
        do {
            value = try YAMLDecoder().decode(ConfigValue.self, from: data)
        } catch {
            throw ConfigError(source: path, key: nil, "is not valid YAML: \(error)")
        }
        // A relative dataset lies beside the configuration, wherever the command is run.
        value = value.resolving("data", besideFile: path)
        for change in changes {
            guard let mark = change.firstIndex(of: "="), mark != change.startIndex else {
                throw UsageError("--set should be key=value, as optimizer.learning_rate=0.001, not '\(change)'")
            }
            let keys = change[..<mark].split(separator: ".").map(String.init)
            let text = String(change[change.index(after: mark)...])
            let new: ConfigValue
            do {
                new = try YAMLDecoder().decode(ConfigValue.self, from: text)
            } catch {
                throw UsageError("--set \(change): '\(text)' is not a YAML value")
            }
            value = value.setting(keys[...], to: new)
        }
        self = value
    }

    private func setting(_ keys: ArraySlice<String>, to new: ConfigValue) -> ConfigValue {
        guard let key = keys.first else { return new }
        var entries: [String: ConfigValue] = [:]
        if case .object(let known) = self { entries = known }
        entries[key] = (entries[key] ?? .object([:])).setting(keys.dropFirst(), to: new)
        return .object(entries)
    }

    private func resolving(_ key: String, besideFile file: String) -> ConfigValue {
        guard case .object(var entries) = self, case .string(let path)? = entries[key] else { return self }
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        entries[key] = .string(URL(fileURLWithPath: path, relativeTo: folder).standardizedFileURL.path)
        return .object(entries)
    }
}
