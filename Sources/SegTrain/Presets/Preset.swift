public import SegCore

/// A named configuration, which a user's own entries override.
public struct Preset: Sendable {
    /// The name that `preset:` refers to.
    public let name: String
    /// The entries of the preset.
    public let entries: ConfigValue

    /// All presets.
    public static let all = [report, tutorial, nnunet]

    /// The document, completed by the entries of its preset for the keys that the document does not give.
    ///
    /// Objects are merged key by key. An object that names another loss, optimiser, schedule or network replaces the
    /// preset's object, whose other keys do not apply to it.
    /// - Throws: `DataError` if the preset does not exist.
    static func expand(_ value: ConfigValue, source: String) throws -> ConfigValue {
        guard case .object(var entries) = value, let name = entries.removeValue(forKey: "preset"), name != .null else {
            return value
        }
        guard let preset = all.first(where: { .string($0.name) == name }) else {
            throw DataError(
                .badData, source, key: "preset",
                "\(name) is not a preset; known: \(all.map(\.name).joined(separator: ", "))")
        }
        return merged(preset.entries, .object(entries))
    }

    private static func merged(_ preset: ConfigValue, _ own: ConfigValue) -> ConfigValue {
        guard case .object(let old) = preset, case .object(let new) = own else { return own }
        for key in ["name", "_target_"] {
            if let name = new[key], name != old[key] { return own }
        }
        return .object(old.merging(new, uniquingKeysWith: merged))
    }
}
