public import SegCore

/// A configuration by name, which a user's own entries change.
public struct Preset: Sendable {
    /// What `preset:` calls it.
    public let name: String
    /// Its entries.
    public let entries: ConfigValue

    /// Those there are.
    public static let all = [report, tutorial, nnunet]

    /// The document with the entries of the preset it names, where it has none of its own.
    ///
    /// Objects are joined key by key, but one that names another loss, optimiser, schedule or network replaces the
    /// preset's, whose other keys mean nothing to it.
    /// - Throws: `DataError` where there is no such preset.
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
