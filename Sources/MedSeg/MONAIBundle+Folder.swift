internal import Foundation
public import SegCore
public import SegInference
internal import SegYAML

extension MONAIBundle {
    /// Returns whether a folder has the configuration of a bundle.
    public static func isThere(_ folder: String) -> Bool { usualFile(in: folder) != nil }

    private static func usualFile(in folder: String) -> String? {
        ["json", "yaml", "yml"].map { "\(folder)/configs/inference.\($0)" }
            .first { FileManager.default.fileExists(atPath: $0) }
    }

    /// Reads the configuration of a bundle's folder, JSON or YAML, as `python -m monai.bundle run` does.
    /// - Parameters:
    ///   - files: The paths of configurations in the folder; later ones override earlier ones. Empty for
    ///     `configs/inference.json` or `.yaml`.
    ///   - changes: Ids and values that override those of the configuration.
    /// - Throws: `DataError` naming everything that is missing or not supported.
    public init(folder: String, files: [String] = [], changes: [(id: String, value: ConfigValue)] = []) throws {
        var files = files.map { "\(folder)/\($0)" }
        if files.isEmpty {
            guard let file = Self.usualFile(in: folder) else {
                throw DataError(
                    .noInput, folder,
                    "is not a MONAI bundle: it has no configs/inference.json or .yaml; give the paths of its "
                        + "configuration files (files, or --bundle-config)")
            }
            files = [file]
        }
        var configuration = BundleConfiguration(source: files[0], folder: folder, read: Self.document)
        for file in files { try configuration.add(Self.document(file), from: file) }
        for (id, value) in changes { try configuration.set(id, to: value, from: "--bundle-set") }
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
