internal import SegCore

/// Arrays of NumPy and PyTorch among a bundle's values. They are kept apart from lists because Python computes with arrays
/// element by element. They support only indexing, `len`, conversion to a list, and use as an argument of a component.
enum BundleArray {
    /// The only key of the object that represents an array; no bundle contains this key.
    private static let key = "\u{0}array"

    /// An array of a list's items; any other value unchanged.
    static func made(of value: ConfigValue) -> ConfigValue {
        if case .array = value { .object([key: value]) } else { value }
    }

    /// The items of an array; nil for any other value.
    static func items(of value: ConfigValue) -> [ConfigValue]? {
        guard case .object(let entries) = value, case .array(let items)? = entries[key] else {
            return nil
        }
        return items.map(made)
    }

    /// The value as an argument of a component: an array becomes a list, and any other value is unchanged.
    static func argument(_ value: ConfigValue) -> ConfigValue {
        guard case .object(let entries) = value, let list = entries[key] else { return value }
        return list
    }
}
