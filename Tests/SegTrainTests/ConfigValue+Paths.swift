import SegCore
import SegModels

extension ConfigValue {
    /// The paths of all keys of this object and the objects in it.
    var paths: [[String]] {
        guard case .object(let entries) = self else { return [] }
        return entries.keys.sorted().flatMap { key in
            [[key]] + (entries[key]?.paths ?? []).map { [key] + $0 }
        }
    }

    /// The value at a path.
    subscript(path: [String]) -> ConfigValue? {
        guard let key = path.first else { return self }
        guard case .object(let entries) = self else { return nil }
        return entries[key]?[Array(path.dropFirst())]
    }

    /// The document with another value at a path; nil removes the key.
    func setting(_ path: [String], to value: ConfigValue?) -> ConfigValue {
        guard let key = path.first, case .object(var entries) = self else { return self }
        if path.count == 1 {
            entries[key] = value
        } else {
            entries[key] = (entries[key] ?? .object([:])).setting(Array(path.dropFirst()), to: value)
        }
        return .object(entries)
    }
}
