internal import SegCore

/// Arrays of NumPy and PyTorch among a bundle's values: a kind of their own, because Python computes with them element by
/// element, and not as with lists. They are indexed, counted, made lists of and given to components, and nothing else.
enum BundleArray {
    /// The one key of the object that stands for an array; no bundle has it.
    private static let key = "\u{0}array"

    /// The array that holds a list's items; any other value as it is.
    static func made(of value: ConfigValue) -> ConfigValue {
        if case .array = value { .object([key: value]) } else { value }
    }

    /// The items of an array; nil of any other value.
    static func items(of value: ConfigValue) -> [ConfigValue]? {
        guard case .object(let entries) = value, case .array(let items)? = entries[key] else {
            return nil
        }
        return items.map(made)
    }

    /// What a component is given: the items of an array as a list, and any other value as it is.
    static func argument(_ value: ConfigValue) -> ConfigValue {
        guard case .object(let entries) = value, let list = entries[key] else { return value }
        return list
    }
}
