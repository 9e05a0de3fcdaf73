internal import Foundation
public import SegCore
internal import Yams

extension ConfigValue {
    /// Reads the YAML file of a training configuration and applies `key.path=value` changes, whose values are YAML too.
    ///
    /// An object of names and numbers under `labels` or `regions` becomes a list because its order counts. Relative
    /// paths of `data`, `validation`, `cache` and `init_from` are resolved against the file's folder.
    /// - Throws: `DataError` naming the file, with the line if it is not valid YAML, or naming the change.
    public init(yamlFile path: String, changes: [String]) throws {
        let value = try Self.read(path, at: nil)
        self = try value.resolvingPaths(in: URL(fileURLWithPath: path).deletingLastPathComponent()).applying(changes)
    }

    /// Reads a YAML file without changes.
    /// - Throws: `DataError` naming the file, with the line if it is not valid YAML.
    public init(yamlFile path: String) throws { self = try Self.read(path, at: "") }

    private static func read(_ path: String, at key: String?) throws -> ConfigValue {
        let read: ConfigValue?
        do {
            read = try YAMLReader.value(of: RegularFile.contents(of: path), at: key)
        } catch let error as DataError {
            throw error
        } catch {
            throw DataError(.badData, path, "is not valid YAML: \(reason(error))")
        }
        guard let read else { throw DataError(.badData, path, "is empty; a configuration was expected") }
        return read
    }

    /// Reads a value from YAML text.
    /// - Parameters:
    ///   - text: The text.
    ///   - source: A name for the source in errors.
    ///   - key: The entry of a configuration that the value is for.
    /// - Throws: `DataError` if it is not valid YAML.
    public init(yaml text: String, from source: String, at key: String = "") throws {
        do {
            self = try YAMLReader.value(of: Data(text.utf8), at: key) ?? .string("")
        } catch {
            throw DataError(.badArgument, source, "'\(text)' is not a YAML value: \(Self.reason(error))")
        }
    }

    /// The document with `key.path=value` changes, whose values are YAML.
    /// - Throws: `DataError` naming the change that is not valid.
    public func applying(_ changes: [String]) throws -> ConfigValue {
        var value = self
        for change in changes {
            guard let mark = change.firstIndex(of: "="), mark != change.startIndex else {
                throw DataError(
                    .badArgument, "--set", "should be key=value (optimizer.learning_rate=0.001), not '\(change)'")
            }
            let keys = change[..<mark].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            guard !keys.contains("") else {
                throw DataError(.badArgument, "--set \(change)", "a key between the dots is empty")
            }
            let text = String(change[change.index(after: mark)...])
            let new = try ConfigValue(yaml: text, from: "--set \(change)", at: keys.joined(separator: "."))
            value = value.setting(keys[...], to: new)
        }
        // A relative path of a change is resolved against the current folder, also if the run is resumed elsewhere.
        return value.resolvingPaths(in: URL(fileURLWithPath: FileManager.default.currentDirectoryPath))
    }

    /// The document as YAML in the order of its keys: objects in blocks, lists on a line.
    public func yamlText(indent: String = "") throws -> String {
        guard case .object(let entries) = self, !entries.isEmpty else { return indent + (try flowText()) + "\n" }
        return try entries.sorted { $0.key < $1.key }.map { key, value in
            let name = try ConfigValue.string(key).flowText()
            guard case .object(let inner) = value, !inner.isEmpty else {
                return "\(indent)\(name): \(try value.flowText())\n"
            }
            return "\(indent)\(name):\n" + (try value.yamlText(indent: indent + "  "))
        }.joined()
    }

    /// The value on one line; text that could be read as another value is quoted.
    private func flowText() throws -> String {
        switch self {
        case .string(let text): return Self.isPlain(text) ? text : try Self.quoted(text)
        case .double(let number) where !number.isFinite:
            return number.isNaN ? ".nan" : number > 0 ? ".inf" : "-.inf"
        case .array(let items): return "[" + (try items.map { try $0.flowText() }).joined(separator: ", ") + "]"
        case .object(let entries):
            let pairs = try entries.sorted { $0.key < $1.key }.map {
                "\(try ConfigValue.string($0).flowText()): \(try $1.flowText())"
            }
            return "{" + pairs.joined(separator: ", ") + "}"
        default: return description
        }
    }

    /// Words that mean other values if they are not quoted.
    private static let words: Set<String> = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", ".nan", ".inf",
    ]

    /// Whether text needs no quotes: a word or a path of ASCII letters, digits, `_`, `.`, `/` and `-` that cannot be
    /// read as another value.
    private static func isPlain(_ text: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool {
            (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "_./".utf8.contains(byte)
        }
        guard let first = text.utf8.first, isLetter(first) else { return false }
        let isWord = text.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-") }
        return isWord && !words.contains(text.lowercased()) && Double(text) == nil
    }

    /// Text in quotes. JSON's escapes are valid in YAML, but YAML requires escapes for some characters that JSON allows
    /// unescaped. An ampersand is escaped too because `YAMLKeys` would read it as an anchor.
    private static func quoted(_ text: String) throws -> String {
        let json = String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
        return json.unicodeScalars.map { scalar in
            switch scalar.value {
            case 0x26, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: String(format: "\\u%04X", scalar.value)
            default: String(scalar)
            }
        }.joined()
    }

    /// The parser's fault with its position, without the excerpt that Yams adds.
    private static func reason(_ error: any Error) -> String {
        if let fault = error as? YAMLReader.Fault { return fault.description }
        switch error as? YamlError {
        // libyaml's own message about its depth limit is meant for programmers.
        case .parser(_, let problem, let mark, _) where problem.contains("nesting level"):
            return "line \(mark.line), column \(mark.column): it is nested too deep"
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = context.map { " \($0.text), begun in line \($0.mark.line)," } ?? ""
            return "line \(mark.line), column \(mark.column):\(place) \(problem)"
        case .reader(let problem, _, _, _): return problem
        case .duplicatedKeysInMapping(let duplicates, let context):
            return
                "line \(context.mark.line): \(duplicates.map { "'\($0)'" }.joined(separator: ", ")) occurs twice"
        case .dataCouldNotBeDecoded: return "it is not UTF-8 text"
        default: return "the document has no value"
        }
    }

    private func setting(_ keys: ArraySlice<String>, to new: ConfigValue) -> ConfigValue {
        guard let key = keys.first else { return new }
        // `labels` and `regions` are lists of named members, in their order.
        if case .array(var items) = self, items.allSatisfy(\.isMember) {
            let index = items.firstIndex { if case .object(let entry) = $0 { entry[key] != nil } else { false } }
            let item = ConfigValue.object([key: ConfigValue.null.setting(keys.dropFirst(), to: new)])
            if let index { items[index] = item } else { items.append(item) }
            return .array(items)
        }
        var entries: [String: ConfigValue] = [:]
        if case .object(let known) = self { entries = known }
        entries[key] = (entries[key] ?? .object([:])).setting(keys.dropFirst(), to: new)
        return .object(entries)
    }

    /// Whether the value is an object with one member.
    private var isMember: Bool { if case .object(let entries) = self { entries.count == 1 } else { false } }

    /// The document with the paths of dataset, split, cache and initial weights made absolute.
    private func resolvingPaths(in folder: URL) -> ConfigValue {
        guard case .object(var entries) = self else { return self }
        for key in ["data", "validation", "cache", "init_from"] {
            guard case .string(let path)? = entries[key], key != "cache" || path != "none" else { continue }
            let whole = (path as NSString).expandingTildeInPath
            entries[key] = .string(URL(fileURLWithPath: whole, relativeTo: folder).standardizedFileURL.path)
        }
        return .object(entries)
    }
}
