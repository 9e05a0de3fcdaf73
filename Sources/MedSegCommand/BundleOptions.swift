import ArgumentParser
import MedSeg
import SegCore
import SegInference
import SegYAML

/// Options for reading a MONAI bundle; they correspond to those of `python -m monai.bundle run`.
struct BundleOptions: ParsableArguments {
    @Option(
        help: """
            A configuration file of the bundle, by its path in the bundle, in place of configs/inference.json or \
            .yaml; may be repeated, and later files override earlier ones.
            """)
    var bundleConfig: [String] = []

    @Option(
        help: """
            A change to the bundle's configuration, ID=VALUE, such as inferer::roi_size=[96,96,96]; the value is YAML \
            or text.
            """)
    var bundleSet: [String] = []

    /// Refuses the options if no bundle is read.
    func refuse() throws {
        for (name, isGiven) in [("--bundle-config", !bundleConfig.isEmpty), ("--bundle-set", !bundleSet.isEmpty)]
        where isGiven { throw UsageError("\(name) applies only to a MONAI bundle; give one with --bundle") }
    }

    /// The IDs and values of the changes.
    var changes: [(id: String, value: ConfigValue)] {
        get throws {
            try bundleSet.map { change in
                guard let mark = change.firstIndex(of: "="), mark != change.startIndex else {
                    throw UsageError("--bundle-set should be ID=VALUE, such as inferer::overlap=0.5, not '\(change)'")
                }
                guard change[..<mark] != "bundle_root" else {
                    throw UsageError(
                        "--bundle-set cannot change bundle_root, the bundle's own folder; give another bundle with --bundle"
                    )
                }
                return (String(change[..<mark]), Self.value(String(change[change.index(after: mark)...])))
            }
        }
    }

    /// References and expressions (`@`, `%`, `$`) are not parsed as YAML and stay text; `None` becomes null.
    private static func value(_ text: String) -> ConfigValue {
        if text == "None" { return .null }
        if let first = text.first, "@%$".contains(first) { return .string(text) }
        return (try? ConfigValue(yaml: text, from: "--bundle-set")) ?? .string(text)
    }
}

extension MONAIBundle {
    /// Reads a bundle's configuration from its folder and applies the user's changes.
    init(folder: String, _ options: BundleOptions) throws {
        try self.init(folder: folder, files: options.bundleConfig, changes: options.changes)
    }
}
