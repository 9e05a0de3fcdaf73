internal import Foundation
internal import SegCore
internal import SegModels
internal import SegWeights

/// A MONAI bundle's configuration, which follows references and evaluates expressions.
///
/// `@id`, `@id::sub`, `@id#sub` and `%id` refer to other entries. `$…` is Python: `BundleExpression` evaluates the part of
/// Python that computes values, and anything else is an error that quotes the expression. Each reference is followed once,
/// but a value counts towards `Limits.documentNodes` each time that a reference repeats it.
final class BundleDocument {
    private var root: ConfigValue
    private let folder: String
    /// The file, for errors.
    let source: String

    /// The maximum length of a chain of references; a longer chain is taken to be a cycle.
    private static let mostReferences = 64

    /// The maximum number of characters of evaluated expressions; an expression counts each time it is evaluated.
    private static let mostComputed = 64 * Limits.expressionCharacters
    private var computed = 0
    /// The number of values that expressions have made.
    private var counted = 0

    /// The values of references by id; a value that is itself a reference is followed.
    private var targets: [String: ConfigValue] = [:]
    /// The values of references with every reference inside them followed, and the number of values in each.
    private var expanded: [String: (value: ConfigValue, nodes: Int)] = [:]

    /// The error about a `bundle_root` from which MONAI would read other files; nil if there is none.
    private(set) var rootFault: DataError?

    /// Creates a document from a configuration, with `bundle_root` set to the bundle's folder.
    init(_ value: ConfigValue, source: String, folder: String) throws {
        guard case .object(var entries) = value else {
            throw DataError(.badData, source, "should be an object of named components")
        }
        root = .object(entries)
        self.source = source
        self.folder = folder
        rootFault = fault(ofRoot: entries["bundle_root"])
        entries["bundle_root"] = .string(folder)
        root = .object(entries)
        // The values so far may depend on the former folder.
        (computed, counted, targets, expanded) = (0, 0, [:], [:])
    }

    /// The error about the configuration's own `bundle_root`. One that is Python is the folder of a run, and an absolute one
    /// that does not exist is that of another computer, which users of MONAI override; both are read as the bundle's folder.
    private func fault(ofRoot written: ConfigValue?) -> DataError? {
        guard let written, case .string(let text)? = try? shallow(written, id: "bundle_root", depth: 0) else {
            return nil
        }
        let files = FileManager.default
        if text.hasPrefix("/"), !files.fileExists(atPath: text) { return nil }
        func place(_ path: String, in folder: String) -> String {
            URL(fileURLWithPath: path, relativeTo: URL(fileURLWithPath: folder + "/")).resolvingSymlinksInPath()
                .standardizedFileURL.path
        }
        let here = files.currentDirectoryPath
        let own = place(folder, in: here)
        if [place(text, in: own), place(text, in: here)].contains(own) { return nil }
        return error(
            "bundle_root",
            "is '\(text)', so MONAI would read the files of another folder than the bundle's; set it to \".\"")
    }

    /// The entry with an id such as `evaluator` or `preprocessing#transforms#0`, followed if it is a reference; nil if it is
    /// missing. References inside the entry are not followed.
    func component(_ id: String) throws -> ConfigValue? {
        guard let value = try lookup(id, depth: 0) else { return nil }
        return try shallow(value, id: id, depth: 0)
    }

    /// A value, followed if it is a reference. References inside the value are not followed.
    func followed(_ value: ConfigValue, id: String) throws -> ConfigValue { try shallow(value, id: id, depth: 0) }

    /// A value with every reference in it followed.
    func resolved(_ value: ConfigValue, id: String) throws -> ConfigValue {
        try deep(value, id: id, depth: 0).value
    }

    private func deep(_ value: ConfigValue, id: String, depth: Int) throws -> (value: ConfigValue, nodes: Int) {
        // The value of a reference is expanded once and then reused.
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

    /// The value itself, or the value of a reference or of a supported expression.
    private func shallow(_ value: ConfigValue, id: String, depth: Int) throws -> ConfigValue {
        guard depth < Self.mostReferences else {
            throw error(id, "its references form a cycle or are nested too deeply")
        }
        guard case .string(let text) = value else { return value }
        // A macro, MONAI's `%id`, copies the entry; references inside the copy are followed from here.
        if text.hasPrefix("%") || text.hasPrefix("@") {
            return try follow(String(text.dropFirst()), from: id, depth: depth)
        }
        guard text.hasPrefix("$") else { return value }
        // An item of a list is evaluated each time it is referred to, so a few nested lists could take forever.
        computed += text.utf8.count
        guard computed <= Self.mostComputed else {
            throw error(id, "the expressions are evaluated too often; replace them by their values")
        }
        guard let expression = BundleExpression(text) else {
            guard !text.contains("torch.jit.") else {
                throw error(
                    id,
                    "'\(text)' loads a TorchScript program, which is not run; the bundle's network_def with its weights "
                        + "(models/model.pt) is needed")
            }
            throw error(id, "the expression '\(text)' is Python, which is not evaluated; replace it by its value")
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

    /// Limits the number of values that an expression makes: nested lists that references repeat could be too long to compare
    /// or to write.
    private func count(_ result: ConfigValue, of expression: BundleExpression, id: String) throws {
        if case .reference = expression { return }
        let nodes = Self.nodes(result, atMost: Limits.documentNodes)
        counted += nodes
        guard nodes <= Limits.documentNodes, counted <= 64 * Limits.documentNodes else {
            throw error(id, "makes more than \(Limits.documentNodes) values; write it shorter")
        }
    }

    /// The number of values in a value, itself included; counting stops above `most`.
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

    /// The bundle's file for a path of an expression; the path begins with the bundle's folder if it uses `bundle_root`.
    /// - Throws: `Fault` if the file is outside the bundle.
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
        guard depth < Self.mostReferences else { throw error(id, "its references form a cycle") }
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
