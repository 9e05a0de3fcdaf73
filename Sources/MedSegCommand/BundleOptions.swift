import ArgumentParser
import Foundation
import SegCore
import SegInference
import SegYAML

/// Options that say how a MONAI bundle is read, as those of `python -m monai.bundle run` do.
struct BundleOptions: ParsableArguments {
    @Option(
        help: """
            A configuration of the bundle, by its path in it, in place of configs/inference.json or .yaml; later ones \
            change earlier ones.
            """)
    var bundleConfig: [String] = []

    @Option(
        help: """
            A change of the bundle's configuration, ID=VALUE, such as inferer::roi_size=[96,96,96]; the value is YAML or \
            text.
            """)
    var bundleSet: [String] = []

    /// Refuses the options where no bundle is read.
    func refuse() throws {
        for (name, isGiven) in [("--bundle-config", !bundleConfig.isEmpty), ("--bundle-set", !bundleSet.isEmpty)]
        where isGiven { throw UsageError("\(name) changes a MONAI bundle; name one with --bundle") }
    }

    /// Ids and values of the changes.
    var changes: [(id: String, value: ConfigValue)] {
        get throws {
            try bundleSet.map { change in
                guard let mark = change.firstIndex(of: "="), mark != change.startIndex else {
                    throw UsageError("--bundle-set should be ID=VALUE, as inferer::overlap=0.5, not '\(change)'")
                }
                guard change[..<mark] != "bundle_root" else {
                    throw UsageError(
                        "--bundle-set bundle_root: it is the bundle's own folder; name another with --bundle")
                }
                return (String(change[..<mark]), Self.value(String(change[change.index(after: mark)...])))
            }
        }
    }

    /// References and expressions are no YAML and stay text; None is Python's null.
    private static func value(_ text: String) -> ConfigValue {
        if text == "None" { return .null }
        if let first = text.first, "@%$".contains(first) { return .string(text) }
        return (try? ConfigValue(yaml: text, from: "--bundle-set")) ?? .string(text)
    }
}

extension MONAIBundle {
    /// Whether a folder has the configuration of a bundle.
    static func isThere(_ folder: String) -> Bool { usualFile(in: folder) != nil }

    private static func usualFile(in folder: String) -> String? {
        ["json", "yaml", "yml"].map { "\(folder)/configs/inference.\($0)" }
            .first { FileManager.default.fileExists(atPath: $0) }
    }

    /// Reads the configuration of a bundle's folder, JSON or YAML, with a user's changes.
    init(folder: String, _ options: BundleOptions) throws {
        var files = options.bundleConfig.map { "\(folder)/\($0)" }
        if files.isEmpty {
            guard let file = Self.usualFile(in: folder) else {
                throw DataError(
                    .noInput, folder,
                    "is no MONAI bundle: it has no configs/inference.json or .yaml; name others with --bundle-config")
            }
            files = [file]
        }
        var configuration = BundleConfiguration(source: files[0], folder: folder, read: Self.document)
        for file in files { try configuration.add(Self.document(file), from: file) }
        for (id, value) in try options.changes { try configuration.set(id, to: value, from: "--bundle-set") }
        let metadata = "\(folder)/configs/metadata.json"
        try self.init(
            configuration,
            metadata: FileManager.default.fileExists(atPath: metadata) ? ConfigValue(jsonFile: metadata) : nil)
    }

    private static func document(_ file: String) throws -> ConfigValue {
        file.lowercased().hasSuffix(".json")
            ? try ConfigValue(jsonFile: file) : try ConfigValue(yamlFile: file)
    }
}
