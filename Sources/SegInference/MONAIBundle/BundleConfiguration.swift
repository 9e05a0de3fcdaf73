internal import Foundation
public import SegCore

/// The one configuration that a bundle's files and a user's changes make, as `monai.bundle run` puts it together.
///
/// Later files and changes replace earlier entries, named by their ids, or are added to them where the id begins with `+`.
/// Then ids that are relative to their place (`@##a`) become absolute, and a macro of another file (`%file.json::id`) is
/// replaced by what stands there.
public struct BundleConfiguration {
    /// The configuration.
    public private(set) var value: ConfigValue = .object([:])
    /// What errors call it: the first file.
    public let source: String
    /// The bundle's folder.
    public let folder: String
    private let read: (String) throws -> ConfigValue
    private let files = ReadFiles()

    /// What was read already, so that a file is read once however often macros name it.
    private final class ReadFiles {
        var contents: [String: ConfigValue] = [:]
    }

    /// Begins without entries.
    /// - Parameters:
    ///   - source: What errors call the configuration.
    ///   - folder: The bundle's folder, outside of which nothing is read.
    ///   - read: Reads a file of a configuration by its path.
    public init(source: String, folder: String, read: @escaping (String) throws -> ConfigValue) {
        self.source = source
        self.folder = folder
        self.read = read
    }

    /// Takes in the entries of a file, whose keys are ids.
    /// - Throws: `DataError` where it is no object, or an id names a place that is not there.
    public mutating func add(_ file: ConfigValue, from path: String) throws {
        guard case .object(let entries) = file else {
            throw DataError(.badData, path, "should be an object of named components")
        }
        // Of a file no entry can refer to the place of another, but those with short ids come first.
        for (id, entry) in entries.sorted(by: { ($0.key.count, $0.key) < ($1.key.count, $1.key) }) {
            try set(id, to: entry, from: path)
        }
    }

    /// Sets an entry by its id, such as `inferer::roi_size`, or with `+` before it adds to a list or a dictionary.
    /// - Parameter path: Where the change stands, for errors.
    /// - Throws: `DataError` where the id names a place that is not there.
    public mutating func set(_ id: String, to new: ConfigValue, from path: String) throws {
        let isAdded = id.hasPrefix("+")
        let keys = Self.keys(of: isAdded ? String(id.dropFirst()) : id)
        guard keys.allSatisfy({ !$0.isEmpty }) else {
            throw DataError(.badData, path, key: id, "is no id of an entry, such as inferer::roi_size")
        }
        value = try Self.setting(value, keys[...], to: new, isAdded: isAdded) { reason in
            DataError(.badData, path, key: id, reason)
        }
    }

    /// Makes ids absolute and puts the macros of other files in their places.
    /// - Throws: `DataError` where an id leads above the document, or a file lies outside of the bundle.
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
                guard isLast else { throw fault("there is no '\(key)' that an entry could be set in") }
                entries[key] = new
                return .object(entries)
            }
            entries[key] = try setting(old, keys.dropFirst(), to: new, isAdded: isAdded, fault)
            return .object(entries)
        case .array(var items):
            guard let place = Int(key), items.indices.contains(place) else {
                throw fault("the list has no item \(key); it has \(items.count)")
            }
            items[place] = try setting(items[place], keys.dropFirst(), to: new, isAdded: isAdded, fault)
            return .array(items)
        default: throw fault("'\(key)' would be set in \(value), which has no entries")
        }
    }

    private static func added(
        _ new: ConfigValue, to old: ConfigValue, _ fault: (String) -> DataError
    ) throws -> ConfigValue {
        switch (old, new) {
        case (.object(let old), .object(let new)): return .object(old.merging(new) { $1 })
        case (.array(let old), .array(let new)): return .array(old + new)
        default: throw fault("a list is added to a list, and a dictionary to a dictionary, not \(new) to \(old)")
        }
    }
}

extension BundleConfiguration {
    private func resolved(_ value: ConfigValue, at place: [String], nodes: inout Int) throws -> ConfigValue {
        nodes += 1
        guard nodes <= Limits.documentNodes else {
            throw error(place, "has more than \(Limits.documentNodes) values once its macros are in their places")
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

    /// A text whose ids that begin with `#` are made absolute: one mark is the level of the entry itself, each further one
    /// the level above.
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
                throw error(place, "'\(text)' leads above the whole configuration")
            }
            let base = place.dropLast(levels.count)
            result += base.map { $0 + "#" }.joined()
        }
        return (result + rest).replacingOccurrences(of: "#", with: "::")
    }

    /// The file and the id of a macro; nil where it names an entry of this configuration.
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

    /// What stands under an id of another file of the bundle.
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
            default: throw error(place, "the macro names '\(id)', which is not in '\(file)'")
            }
        }
        try count(found, at: place, nodes: &nodes)
        return found
    }

    /// The path of a bundle's file; nil of one outside.
    static func path(of file: String, in folder: String) -> String? {
        // A link may lead anywhere.
        let root = URL(fileURLWithPath: folder).resolvingSymlinksInPath().standardizedFileURL.path
        let path = URL(fileURLWithPath: file, relativeTo: URL(fileURLWithPath: root + "/")).resolvingSymlinksInPath()
            .standardizedFileURL.path
        return path.hasPrefix(root + "/") ? path : nil
    }

    /// Counts the values of a macro, and refuses macros in it, which MONAI would leave as texts.
    private func count(_ value: ConfigValue, at place: [String], nodes: inout Int) throws {
        nodes += 1
        guard nodes <= Limits.documentNodes else {
            throw error(place, "has more than \(Limits.documentNodes) values once its macros are in their places")
        }
        switch value {
        case .array(let items): for item in items { try count(item, at: place, nodes: &nodes) }
        case .object(let entries): for entry in entries.values { try count(entry, at: place, nodes: &nodes) }
        case .string(let text) where text.hasPrefix("%"):
            throw error(
                place, "the macro holds another one, '\(text)', which MONAI does not follow; write its value there")
        default: break
        }
    }

    private func error(_ place: [String], _ message: String) -> DataError {
        DataError(.badData, source, key: place.isEmpty ? nil : place.joined(separator: "::"), message)
    }
}
