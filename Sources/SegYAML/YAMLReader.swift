internal import Foundation
internal import SegCore
internal import Yams

/// Reads YAML 1.1 into configuration values.
///
/// Aliases and merge keys (`<<`) are expanded. The expanded values count against `Limits` because a few hundred bytes
/// of nested aliases can expand to billions of values.
struct YAMLReader {
    /// A fault of a document, with its line if it is known.
    struct Fault: Error, CustomStringConvertible {
        let description: String

        init(_ line: Int?, _ reason: String) { description = (line.map { "line \($0): " } ?? "") + reason }
    }

    /// The entries of a document in which the order of the names decides the numbers of classes or channels.
    private static let ordered = ["labels", "regions"]

    private var values = 0
    private var bytes = 0

    /// Reads the one value of a document; nil if the document is empty.
    /// - Throws: `Fault`, or Yams' error if the text is not valid YAML.
    ///
    /// An object that maps names to numbers under `labels` or `regions` becomes a list of objects with one member each
    /// because its order counts.
    /// - Parameter key: The entry of a configuration that the value is for; nil for a whole configuration.
    static func value(of data: Data, at key: String?) throws -> ConfigValue? {
        guard data.count <= Limits.yamlBytes else {
            throw Fault(nil, "it has \(data.count) bytes; at most \(Limits.yamlBytes) are read")
        }
        guard let text = String(data: data, encoding: .utf8) else { throw Fault(nil, "it is not UTF-8 text") }
        try check(text, line: nil)
        try YAMLKeys(data).check()
        let parser = try Parser(yaml: text, resolver: Resolver.basic.appending(.merge))
        guard let root = try parser.singleRoot() else { return nil }
        var reader = YAMLReader()
        if let key, ordered.contains(key) { return try reader.orderedMembers(root) ?? reader.value(root, depth: 0) }
        guard key == nil, case .object(var members) = try reader.value(root, depth: 0) else {
            return try reader.value(root, depth: 0)
        }
        for key in ordered {
            if let names = root.mapping?[key], let list = try reader.orderedMembers(names) { members[key] = list }
        }
        return .object(members)
    }

    /// The members of an object whose keys are names, in the order of the document. Each member becomes an object of its
    /// own. Nil for any other node.
    private mutating func orderedMembers(_ node: Node) throws(Fault) -> ConfigValue? {
        guard case .mapping(let mapping) = node, !mapping.isEmpty else { return nil }
        var items: [ConfigValue] = []
        for (key, item) in mapping {
            guard case .scalar(let name) = key, Int(name.string) == nil, name.string != "<<" else { return nil }
            items.append(.object([name.string: try value(item, depth: 2)]))
        }
        return .array(items)
    }

    /// Refuses a text with a long run of combining characters.
    private static func check(_ text: String, line: Int?) throws(Fault) {
        guard !text.hasLongCombiningRun else {
            throw Fault(line, "a text has more than \(Limits.combiningRun) combining characters in a row; remove them")
        }
    }

    private mutating func value(_ node: Node, depth: Int) throws(Fault) -> ConfigValue {
        try count(node, depth: depth)
        switch node {
        case .scalar(let scalar):
            bytes += scalar.string.utf8.count
            guard bytes <= Limits.documentBytes else {
                throw Fault(node.mark?.line, "aliases expanded, its texts have more than \(Limits.documentBytes) bytes")
            }
            try Self.check(scalar.string, line: node.mark?.line)
            return try Self.value(scalar)
        case .sequence(let sequence):
            try Self.check(sequence.tag, allowed: .seq, line: node.mark?.line)
            var items: [ConfigValue] = []
            for item in sequence { items.append(try value(item, depth: depth + 1)) }
            return .array(items)
        case .mapping(let mapping): return .object(try members(mapping, depth: depth))
        case .alias: throw Fault(node.mark?.line, "an alias has no anchor")
        }
    }

    private mutating func count(_ node: Node, depth: Int) throws(Fault) {
        values += 1
        guard values <= Limits.yamlNodes else {
            throw Fault(node.mark?.line, "aliases expanded, it has more than \(Limits.yamlNodes) values")
        }
        guard depth <= Limits.documentDepth else {
            throw Fault(node.mark?.line, "it is nested more than \(Limits.documentDepth) levels deep")
        }
    }

    /// The members of an object. A member from a merge key (`<<`) counts only if the object itself has no key of that
    /// name.
    private mutating func members(_ mapping: Node.Mapping, depth: Int) throws(Fault) -> [String: ConfigValue] {
        try Self.check(mapping.tag, allowed: .map, line: mapping.mark?.line)
        var own: [String: ConfigValue] = [:]
        var merged: [String: ConfigValue] = [:]
        for (key, item) in mapping {
            guard case .scalar(let name) = key else {
                throw Fault(key.mark?.line, "a key should be text, not a list or an object")
            }
            if name.string == "<<", name.style == .plain {
                merged = try self.merged(item, depth: depth + 1)
                continue
            }
            try Self.check(name.string, line: key.mark?.line)
            if own.updateValue(try value(item, depth: depth + 1), forKey: name.string) != nil {
                throw Fault(key.mark?.line, "'\(name.string)' occurs twice")
            }
        }
        return own.merging(merged) { own, _ in own }
    }

    /// The members from a merge key: an object, or a list of objects of which the first with a name counts.
    private mutating func merged(_ node: Node, depth: Int) throws(Fault) -> [String: ConfigValue] {
        try count(node, depth: depth)
        switch node {
        case .mapping(let mapping): return try members(mapping, depth: depth)
        case .sequence(let sequence):
            var all: [String: ConfigValue] = [:]
            for item in sequence {
                guard case .mapping = item else { break }
                all.merge(try merged(item, depth: depth + 1)) { first, _ in first }
            }
            if sequence.allSatisfy({ $0.mapping != nil }) { return all }
        default: break
        }
        throw Fault(node.mark?.line, "the value of '<<' should be an object or a list of objects")
    }

    /// The value of a scalar by YAML 1.1: `yes` is true, `0x10` is 16, quoted text is text.
    private static func value(_ scalar: Node.Scalar) throws(Fault) -> ConfigValue {
        switch Tag.Name(rawValue: scalar.tag.rawValue) {
        case .str, .nonSpecific: return .string(scalar.string)
        case .implicit: return plain(scalar)
        case .null where NSNull.construct(from: scalar) != nil: return .null
        case .bool:
            if let value = Bool.construct(from: scalar) { return .bool(value) }
        case .int:
            if let value = whole(scalar) { return .int(value) }
        case .float:
            if let value = Double.construct(from: scalar) { return .double(value) }
        default: break
        }
        throw Fault(
            scalar.mark?.line, "the tag \(scalar.tag.rawValue.prefix(80)) is not known, or does not fit the value")
    }

    private static func plain(_ scalar: Node.Scalar) -> ConfigValue {
        let text = scalar.string
        // Most texts can be told from other values by their length and first letter, and most numbers are decimal.
        if text.utf8.count <= "false".utf8.count {
            if NSNull.construct(from: scalar) != nil { return .null }
            if let value = Bool.construct(from: scalar) { return .bool(value) }
        }
        guard let first = text.utf8.first, "0123456789+-._iInN".utf8.contains(first), text.utf8.count < 1000 else {
            return .string(text)
        }
        if isDecimal(text.utf8) {
            if let value = Int(text) { return .int(value) }
            if let value = Double(text) { return .double(value) }
        }
        if let value = whole(scalar) { return .int(value) }
        if let value = Double.construct(from: scalar) { return .double(value) }
        return .string(text)
    }

    /// An integer. A number to the base 60, such as `1:30` for 90, is computed in Double because Yams's own computation
    /// overflows.
    private static func whole(_ scalar: Node.Scalar) -> Int? {
        guard scalar.string.contains(":") else { return Int.construct(from: scalar) }
        guard !scalar.string.contains("."), let value = Double.construct(from: scalar), abs(value) < 0x1p53 else {
            return nil
        }
        return Int(exactly: value)
    }

    /// Whether a number means the same in Swift and in YAML 1.1, where `010` is 8, `1_0` is 10 and `1:30` is 90.
    private static func isDecimal(_ text: String.UTF8View) -> Bool {
        let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text[...]
        guard digits.allSatisfy({ "0123456789.".utf8.contains($0) }) else { return false }
        return digits.first != UInt8(ascii: "0") || digits.contains(UInt8(ascii: ".")) || digits.count == 1
    }

    /// Checks that a list or an object has no tag of another type.
    private static func check(_ tag: Tag, allowed: Tag.Name, line: Int?) throws(Fault) {
        guard [.implicit, .nonSpecific, allowed].contains(Tag.Name(rawValue: tag.rawValue)) else {
            throw Fault(
                line, "the tag \(tag.rawValue.prefix(80)) is not known; remove it to make this a plain list or object")
        }
    }
}
