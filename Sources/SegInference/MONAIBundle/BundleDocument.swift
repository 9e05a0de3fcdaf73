internal import Foundation
internal import SegCore
internal import SegModels

/// A MONAI bundle's configuration whose references are followed and whose expressions are not evaluated.
///
/// `@id`, `@id::sub` and `@id#sub` stand for other entries; `$…` is Python, of which a few fixed forms are
/// understood as text and every other is an error that quotes it.
struct BundleDocument {
    private let root: ConfigValue
    /// The file, for errors.
    let source: String

    /// A chain of references this long can only be a circle.
    private static let mostReferences = 32

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

    /// A value with every reference in it followed.
    func resolved(_ value: ConfigValue, id: String) throws -> ConfigValue {
        try deep(value, id: id, depth: 0)
    }

    private func deep(_ value: ConfigValue, id: String, depth: Int) throws -> ConfigValue {
        switch try shallow(value, id: id, depth: depth) {
        case .array(let items):
            .array(try items.enumerated().map { try deep($1, id: "\(id)::\($0)", depth: depth + 1) })
        case .object(let entries):
            .object(
                try entries.reduce(into: [:]) {
                    $0[$1.key] = try deep($1.value, id: "\(id)::\($1.key)", depth: depth + 1)
                })
        case let plain: plain
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
        case .sum(let terms):
            let parts = try terms.map { term -> String in
                guard case .reference(let target) = term else {
                    guard case .text(let text) = term else { return "" }
                    return text
                }
                guard case .string(let part) = try follow(target, from: id, depth: depth) else {
                    throw error(id, "'\(text)' adds what is no text")
                }
                return part
            }
            return .string(parts.joined())
        case .constant(let constant): return constant
        case .unknown:
            throw error(id, "the expression '\(text)' is Python, which is not evaluated; write its value in its place")
        }
    }

    private func follow(_ target: String, from id: String, depth: Int) throws -> ConfigValue {
        guard let value = try lookup(target, depth: depth + 1) else {
            throw error(id, "'@\(target)' refers to nothing in the file")
        }
        return try shallow(value, id: target, depth: depth + 1)
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
