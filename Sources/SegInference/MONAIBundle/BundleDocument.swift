internal import Foundation
internal import SegCore
internal import SegModels
internal import SegWeights

/// A MONAI bundle's configuration whose references are followed and whose expressions are computed.
///
/// `@id`, `@id::sub`, `@id#sub` and `%id` stand for other entries; `$…` is Python, of which `BundleExpression` computes
/// what makes values and everything else is an error that quotes it. Each reference is followed once, and values that
/// references repeat count again towards `Limits.documentNodes`.
final class BundleDocument {
    private let root: ConfigValue
    private let folder: String
    /// The file, for errors.
    let source: String

    /// A chain of references this long can only be a circle.
    private static let mostReferences = 64

    /// Characters of expressions that are computed at most, each as often as it is.
    private static let mostComputed = 64 * Limits.expressionCharacters
    private var computed = 0
    /// Values that expressions made.
    private var counted = 0

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
        self.folder = folder
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
        switch try BundleArray.argument(shallow(value, id: id, depth: depth)) {
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
        // A macro, MONAI's `%id`, is the entry as it stands, its references followed from here.
        if text.hasPrefix("%") || text.hasPrefix("@") {
            return try follow(String(text.dropFirst()), from: id, depth: depth)
        }
        guard text.hasPrefix("$") else { return value }
        // Items of lists are computed wherever they are named, so that a few lists of them could take for ever.
        computed += text.utf8.count
        guard computed <= Self.mostComputed else {
            throw error(id, "the expressions compute each other too often; write the values in their place")
        }
        guard let expression = BundleExpression(text) else {
            guard !text.contains("torch.jit.") else {
                throw error(
                    id,
                    "'\(text)' loads a TorchScript program, which is not run; the bundle's network_def with its weights "
                        + "(models/model.pt) is needed")
            }
            guard !text.contains("networks.nets.vista3d") else {
                throw error(
                    id,
                    "'\(text)' is VISTA3D, which is not supported: its heads answer a prompt of classes or points over an image "
                        + "encoder of two decoders (SegResNetDS2), and the bundle's own evaluator and inferer make the prompts"
                )
            }
            throw error(id, "the expression '\(text)' is Python, which is not evaluated; write its value in its place")
        }
        let result: ConfigValue
        do {
            let lookup = BundleLookup {
                try self.shallow($0, id: id, depth: depth + 1)
            } checkpoint: {
                try Weights.contents(of: self.file($0), array: BundleArray.made)
            } exists: {
                try FileManager.default.fileExists(atPath: self.file($0))
            }
            result = try expression.value(lookup)
        } catch let fault as BundleExpression.Fault {
            throw error(id, "the expression '\(text)' has no value: \(fault.reason)")
        }
        try count(result, of: expression, id: id)
        // An item of a list, or a branch of a choice, may itself be a reference.
        return result == value ? result : try shallow(result, id: id, depth: depth + 1)
    }

    /// Bounds the values that an expression makes: lists of lists that references repeat could neither be compared nor
    /// written.
    private func count(_ result: ConfigValue, of expression: BundleExpression, id: String) throws {
        if case .reference = expression { return }
        let nodes = Self.nodes(result, atMost: Limits.documentNodes)
        counted += nodes
        guard nodes <= Limits.documentNodes, counted <= 64 * Limits.documentNodes else {
            throw error(id, "makes more than \(Limits.documentNodes) values; write it shorter")
        }
    }

    /// Values in a value, itself included; no more are counted than some number and one.
    private static func nodes(_ value: ConfigValue, atMost most: Int) -> Int {
        var parts: [ConfigValue] = []
        switch value {
        case .array(let items): parts = items
        case .object(let entries): parts = Array(entries.values)
        default: return 1
        }
        var count = 1
        for part in parts where count <= most { count += nodes(part, atMost: most - count) }
        return count
    }

    /// A file of the bundle by the path that an expression gives, which is the folder's with `bundle_root` in it.
    /// - Throws: `Fault` where it lies outside of the bundle.
    private func file(_ path: String) throws -> String {
        let inside = folder.hasSuffix("/") ? folder : folder + "/"
        let own = path.hasPrefix(inside) ? String(path.dropFirst(inside.count)) : path
        guard let file = BundleConfiguration.path(of: own, in: folder) else {
            throw BundleExpression.Fault(reason: "'\(path)' lies outside of the bundle")
        }
        return file
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
