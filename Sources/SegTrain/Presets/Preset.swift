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

    /// The error, with a sentence that the key is the preset's if the user's document does not have it.
    /// - Parameters:
    ///   - own: The user's document.
    ///   - document: The document with the entries of the preset.
    static func explained(_ fault: DataError, of own: ConfigValue, in document: ConfigValue) -> DataError {
        guard case .object(let entries) = own, case .string(let name)? = entries["preset"], let key = fault.key else {
            return fault
        }
        let path = key.split(separator: ".").map { String($0) }
        guard value(at: path, in: own) == nil, value(at: path, in: document) != nil else { return fault }
        var explained = fault
        explained.message += ". The preset '\(name)' sets this key; an entry of your own replaces it"
        return explained
    }

    /// The value at a path of keys and positions in lists; nil if there is none.
    private static func value(at path: [String], in document: ConfigValue) -> ConfigValue? {
        var found = document
        for key in path {
            if case .object(let entries) = found, let value = entries[key] {
                found = value
            } else if case .array(let items) = found, let index = Int(key), items.indices.contains(index) {
                found = items[index]
            } else {
                return nil
            }
        }
        return found
    }

    private static func merged(_ preset: ConfigValue, _ own: ConfigValue) -> ConfigValue {
        guard case .object(let old) = preset, case .object(let new) = own else { return own }
        for key in ["name", "_target_"] {
            if let name = new[key], name != old[key] { return own }
        }
        return .object(old.merging(new, uniquingKeysWith: merged))
    }
}
