internal import Foundation
public import SegCore

/// The configuration that `monai.bundle run` builds from a bundle's files and a user's overrides.
///
/// Later files and overrides replace earlier entries with the same id, or are added to them if the id begins with `+`.
/// Then relative ids (`@##a`) become absolute, and a macro of another file (`%file.json::id`) is replaced by the entry
/// that it refers to.
public struct BundleConfiguration {
    /// The configuration.
    public private(set) var value: ConfigValue = .object([:])
    /// The name of the configuration in errors: the first file.
    public let source: String
    /// The bundle's folder.
    public let folder: String
    private let read: (String) throws -> ConfigValue
    private let files = ReadFiles()

    /// The files read so far; each file is read once, even if several macros refer to it.
    private final class ReadFiles {
        var contents: [String: ConfigValue] = [:]
    }

    /// Creates an empty configuration.
    /// - Parameters:
    ///   - source: The name of the configuration in errors.
    ///   - folder: The bundle's folder; no file outside it is read.
    ///   - read: Reads a file of a configuration by its path.
    public init(source: String, folder: String, read: @escaping (String) throws -> ConfigValue) {
        self.source = source
        self.folder = folder
        self.read = read
    }

    /// Adds the entries of a file, whose keys are ids.
    /// - Throws: `DataError` if the file is not an object, or if an id refers to a missing entry.
    public mutating func add(_ file: ConfigValue, from path: String) throws {
        guard case .object(let entries) = file else {
            throw DataError(.badData, path, "should be an object of named components")
        }
        // Entries with shorter ids are set first, because a longer id may lead into one of them.
        for (id, entry) in entries.sorted(by: { ($0.key.count, $0.key) < ($1.key.count, $1.key) }) {
            try set(id, to: entry, from: path)
        }
    }

    /// Sets the entry with an id such as `inferer::roi_size`. With `+` before the id, adds to a list or a dictionary.
    /// - Parameter path: The file of the change, for errors.
    /// - Throws: `DataError` if the id refers to a missing entry.
    public mutating func set(_ id: String, to new: ConfigValue, from path: String) throws {
        let isAdded = id.hasPrefix("+")
        let keys = Self.keys(of: isAdded ? String(id.dropFirst()) : id)
        guard keys.allSatisfy({ !$0.isEmpty }) else {
            throw DataError(.badData, path, key: id, "is not a valid id of an entry, such as inferer::roi_size")
        }
        value = try Self.setting(value, keys[...], to: new, isAdded: isAdded) { reason in
            DataError(.badData, path, key: id, reason)
        }
    }

    /// Makes ids absolute, and replaces macros of other files by the entries that they refer to.
    /// - Throws: `DataError` if an id leads above the root of the document, or if a file is outside the bundle.
    public mutating func resolve() throws {
        var nodes = 0
        value = try resolved(value, at: [], nodes: &nodes)
    }

    private static func keys(of id: String) -> [String] {
        id.replacingOccurrences(of: "::", with: "#").components(separatedBy: "#")
    }

    private static func setting(
        _ value: ConfigValue, _ keys: ArraySlice<String>, to new: ConfigValue, isAdded: Bool,
        _ fault: (String) -> DataError
    ) throws -> ConfigValue {
        guard let key = keys.first else { return isAdded ? try added(new, to: value, fault) : new }
        let isLast = keys.count == 1
        switch value {
        case .object(var entries):
            guard let old = entries[key] else {
                guard isLast else { throw fault("'\(key)', in which an entry should be set, is missing") }
                entries[key] = new
                return .object(entries)
            }
            entries[key] = try setting(old, keys.dropFirst(), to: new, isAdded: isAdded, fault)
            return .object(entries)
        case .array(var items):
            guard let place = Int(key), items.indices.contains(place) else {
                throw fault("the list has no item \(key); it has \(items.count) items")
            }
            items[place] = try setting(items[place], keys.dropFirst(), to: new, isAdded: isAdded, fault)
            return .array(items)
        default: throw fault("'\(key)' cannot be set in \(value), which has no entries")
        }
    }

    private static func added(
        _ new: ConfigValue, to old: ConfigValue, _ fault: (String) -> DataError
    ) throws -> ConfigValue {
        switch (old, new) {
        case (.object(let old), .object(let new)): return .object(old.merging(new) { $1 })
        case (.array(let old), .array(let new)): return .array(old + new)
        default:
            throw fault("a list can only be added to a list, and a dictionary to a dictionary, not \(new) to \(old)")
        }
    }
}

extension BundleConfiguration {
    private func resolved(_ value: ConfigValue, at place: [String], nodes: inout Int) throws -> ConfigValue {
        nodes += 1
        guard nodes <= Limits.documentNodes else {
            throw error(place, "has more than \(Limits.documentNodes) values once its macros are replaced")
        }
        switch value {
        case .array(let items):
            var parts: [ConfigValue] = []
            for (number, item) in items.enumerated() {
                parts.append(try resolved(item, at: place + [String(number)], nodes: &nodes))
            }
            return .array(parts)
        case .object(let entries):
            var parts: [String: ConfigValue] = [:]
            for (key, entry) in entries { parts[key] = try resolved(entry, at: place + [key], nodes: &nodes) }
            return .object(parts)
        case .string(let text):
            let absolute = try self.absolute(text, at: place)
            guard absolute.hasPrefix("%"), let macro = Self.file(in: absolute) else { return .string(absolute) }
            return try content(of: macro.file, id: macro.id, at: place, nodes: &nodes)
        default: return value
        }
    }

    /// Makes the relative ids in a text absolute. A relative id begins with `#`: one `#` is the level of the entry itself, and
    /// each further `#` is one level higher.
    private func absolute(_ text: String, at place: [String]) throws -> String {
        guard text.contains("@#") || text.contains("%#") || text.contains("@::") || text.contains("%::") else {
            return text
        }
        let short = text.replacingOccurrences(of: "::", with: "#")
        var result = ""
        var rest = Substring(short)
        while let mark = rest.firstIndex(where: { $0 == "@" || $0 == "%" }) {
            let after = rest.index(after: mark)
            let levels = rest[after...].prefix { $0 == "#" }
            result += rest[..<after]
            rest = rest[levels.endIndex...]
            guard !levels.isEmpty else { continue }
            guard levels.count <= max(place.count, 1) else {
                throw error(place, "'\(text)' leads above the root of the configuration")
            }
            let base = place.dropLast(levels.count)
            result += base.map { $0 + "#" }.joined()
        }
        return (result + rest).replacingOccurrences(of: "#", with: "::")
    }

    /// The file and the id of a macro; nil if the macro refers to an entry of this configuration.
    private static func file(in macro: String) -> (file: String, id: String)? {
        let text = macro.dropFirst().replacingOccurrences(of: "::", with: "#")
        for ending in [".json", ".yaml", ".yml"] {
            if text.lowercased().hasSuffix(ending) { return (text, "") }
            if let end = text.range(of: ending + "#", options: .caseInsensitive) {
                return (String(text[..<end.upperBound].dropLast()), String(text[end.upperBound...]))
            }
        }
        return nil
    }

    /// The entry with an id in another file of the bundle.
    private func content(
        of file: String, id: String, at place: [String], nodes: inout Int
    ) throws -> ConfigValue {
        guard let path = Self.path(of: file, in: folder) else {
            throw error(place, "the macro reads '\(file)', which lies outside of the bundle")
        }
        var found: ConfigValue
        do {
            found = try files.contents[path] ?? read(path)
            files.contents[path] = found
        } catch let fault as DataError {
            throw error(place, "the macro reads '\(file)', which \(fault.message)")
        }
        for key in id.isEmpty ? [] : Self.keys(of: id) {
            switch found {
            case .object(let entries) where entries[key] != nil: found = entries[key] ?? .null
            case .array(let items) where Int(key).map(items.indices.contains) == true: found = items[Int(key) ?? 0]
            default: throw error(place, "the macro refers to '\(id)', which is not in '\(file)'")
            }
        }
        try count(found, at: place, nodes: &nodes)
        return found
    }

    /// The path of a bundle's file; nil if the file is outside the bundle's folder.
    static func path(of file: String, in folder: String) -> String? {
        // A symbolic link may lead out of the folder.
        let root = URL(fileURLWithPath: folder).resolvingSymlinksInPath().standardizedFileURL.path
        let path = URL(fileURLWithPath: file, relativeTo: URL(fileURLWithPath: root + "/")).resolvingSymlinksInPath()
            .standardizedFileURL.path
        return path.hasPrefix(root + "/") ? path : nil
    }

    /// Counts the values of a macro's entry, and refuses macros inside it, which MONAI would leave as strings.
    private func count(_ value: ConfigValue, at place: [String], nodes: inout Int) throws {
        nodes += 1
        guard nodes <= Limits.documentNodes else {
            throw error(place, "has more than \(Limits.documentNodes) values once its macros are replaced")
        }
        switch value {
        case .array(let items): for item in items { try count(item, at: place, nodes: &nodes) }
        case .object(let entries): for entry in entries.values { try count(entry, at: place, nodes: &nodes) }
        case .string(let text) where text.hasPrefix("%"):
            throw error(
                place,
                "the macro contains another macro, '\(text)', which MONAI does not follow; replace it by its value")
        default: break
        }
    }

    private func error(_ place: [String], _ message: String) -> DataError {
        DataError(.badData, source, key: place.isEmpty ? nil : place.joined(separator: "::"), message)
    }
}
