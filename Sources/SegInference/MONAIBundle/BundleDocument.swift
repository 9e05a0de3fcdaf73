internal import Foundation
internal import SegCore
internal import SegModels

/// A MONAI bundle's configuration whose references are followed and whose expressions are not evaluated.
///
/// `@id`, `@id::sub` and `@id#sub` stand for other entries; `$…` is Python, of which a few fixed forms are
/// understood as text and every other is an error that quotes it. Each reference is followed once, and values that
/// references repeat count again towards `Limits.documentNodes`.
final class BundleDocument {
    private let root: ConfigValue
    /// The file, for errors.
    let source: String

    /// A chain of references this long can only be a circle.
    private static let mostReferences = 32

    /// What references stand for, their own references followed.
    private var targets: [String: ConfigValue] = [:]
    /// Values of which every reference is followed, by the place that they stand at, with the number of values in them.
    private var expanded: [String: (value: ConfigValue, nodes: Int)] = [:]

    /// Wraps a document; its `bundle_root` becomes the folder that the bundle lies in.
    init(_ value: ConfigValue, source: String, folder: String) throws {
        guard case .object(var entries) = value else {
            throw DataError(.badData, source, "should be an object of named components")
        }
        entries["bundle_root"] = .string(folder)
        root = .object(entries)
        self.source = source
    }

    /// An entry by its path, such as `evaluator` or `preprocessing#transforms#0`, with its references followed and
    /// its own entries as they stand; nil where there is none.
    func component(_ id: String) throws -> ConfigValue? {
        guard let value = try lookup(id, depth: 0) else { return nil }
        return try shallow(value, id: id, depth: 0)
    }

    /// What a value stands for, its own entries as they stand.
    func followed(_ value: ConfigValue, id: String) throws -> ConfigValue { try shallow(value, id: id, depth: 0) }

    /// A value with every reference in it followed.
    func resolved(_ value: ConfigValue, id: String) throws -> ConfigValue {
        try deep(value, id: id, depth: 0).value
    }

    private func deep(_ value: ConfigValue, id: String, depth: Int) throws -> (value: ConfigValue, nodes: Int) {
        // A value that a reference names is expanded once, wherever it is named.
        if case .string(let text) = value, text.hasPrefix("@") {
            if let known = expanded[text] { return known }
            let made = try deepContent(value, id: id, depth: depth)
            expanded[text] = made
            return made
        }
        return try deepContent(value, id: id, depth: depth)
    }

    private func deepContent(
        _ value: ConfigValue, id: String, depth: Int
    ) throws -> (value: ConfigValue, nodes: Int) {
        var nodes = 1
        func counted(_ part: (value: ConfigValue, nodes: Int)) throws -> ConfigValue {
            nodes += part.nodes
            guard nodes <= Limits.documentNodes else {
                throw error(
                    id,
                    "has more than \(Limits.documentNodes) values once its references are followed; write it shorter")
            }
            return part.value
        }
        switch try shallow(value, id: id, depth: depth) {
        case .array(let items):
            let parts = try items.enumerated().map {
                try counted(deep($0.element, id: "\(id)::\($0.offset)", depth: depth + 1))
            }
            return (.array(parts), nodes)
        case .object(let entries):
            var parts: [String: ConfigValue] = [:]
            for (key, entry) in entries {
                parts[key] = try counted(deep(entry, id: "\(id)::\(key)", depth: depth + 1))
            }
            return (.object(parts), nodes)
        case let plain: return (plain, 1)
        }
    }

    /// The value itself, or what a reference or an expression of a known form stands for.
    private func shallow(_ value: ConfigValue, id: String, depth: Int) throws -> ConfigValue {
        guard depth < Self.mostReferences else { throw error(id, "its references run in a circle or nest too deep") }
        guard case .string(let text) = value else { return value }
        if text.hasPrefix("%") { throw error(id, "the macro '\(text)' is not supported; write the value in its place") }
        if text.hasPrefix("@") { return try follow(String(text.dropFirst()), from: id, depth: depth) }
        guard text.hasPrefix("$") else { return value }
        switch BundleExpression(text) {
        case .reference(let target): return try follow(target, from: id, depth: depth)
        case .sum(let terms): return .string(try sum(terms, text, id: id, depth: depth))
        case .constant(let constant): return constant
        case .unknown:
            throw error(id, "the expression '\(text)' is Python, which is not evaluated; write its value in its place")
        }
    }

    private func sum(
        _ terms: [BundleExpression.Term], _ text: String, id: String, depth: Int
    ) throws -> String {
        var sum = ""
        for term in terms {
            switch term {
            case .text(let text): sum += text
            case .reference(let target):
                guard case .string(let part) = try follow(target, from: id, depth: depth) else {
                    throw error(id, "'\(text)' adds what is no text")
                }
                sum += part
            }
            guard sum.utf8.count <= Limits.expressionCharacters else {
                throw error(
                    id, "'\(text)' is longer than \(Limits.expressionCharacters) characters once it is written out")
            }
        }
        return sum
    }

    private func follow(_ target: String, from id: String, depth: Int) throws -> ConfigValue {
        if let known = targets[target] { return known }
        guard let value = try lookup(target, depth: depth + 1) else {
            throw error(id, "'@\(target)' refers to nothing in the file")
        }
        let followed = try shallow(value, id: target, depth: depth + 1)
        targets[target] = followed
        return followed
    }

    private func lookup(_ id: String, depth: Int) throws -> ConfigValue? {
        guard depth < Self.mostReferences else { throw error(id, "its references run in a circle") }
        var value = root
        for part in id.replacingOccurrences(of: "::", with: "#").components(separatedBy: "#") {
            switch try shallow(value, id: id, depth: depth + 1) {
            case .object(let entries):
                guard let next = entries[part] else { return nil }
                value = next
            case .array(let items):
                guard let index = Int(part), items.indices.contains(index) else { return nil }
                value = items[index]
            default: return nil
            }
        }
        return value
    }

    /// An error about an entry.
    func error(_ id: String, _ message: String) -> DataError { DataError(.badData, source, key: id, message) }
}
