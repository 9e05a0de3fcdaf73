public import Foundation

/// A value of a JSON or YAML document.
public enum ConfigValue: Hashable, Sendable {
    /// `null`.
    case null
    /// `true`, `false`.
    case bool(Bool)
    /// A number without a fraction.
    case int(Int)
    /// Any other number.
    case double(Double)
    /// Text.
    case string(String)
    /// `[…]`.
    case array([ConfigValue])
    /// `{…}`.
    case object([String: ConfigValue])

    /// Reads a JSON file.
    /// - Throws: `DataError` naming the file if it cannot be read, and also the line and column if it is not JSON.
    public init(jsonFile path: String) throws {
        try self.init(json: RegularFile.contents(of: path), from: path)
    }

    /// Reads a JSON document.
    /// - Parameter source: The file, or a name for the source in messages.
    /// - Throws: `DataError` with line and column if the bytes are not JSON or exceed `Limits`.
    public init(json bytes: some ContiguousBytes, from source: String) throws {
        self = try bytes.withUnsafeBytes { raw in
            do {
                return try JSONReader.value(of: raw.bindMemory(to: UInt8.self))
            } catch let fault as JSONReader.Fault {
                let place = "line \(fault.line), column \(fault.column)"
                throw DataError(.badData, source, "is not valid JSON: \(place): \(fault.reason)")
            }
        }
    }

    /// The keys of an object of a JSON file in the order of the file, which a `ConfigValue` does not keep.
    /// - Parameter path: The keys that lead from the document to the object.
    /// - Returns: The keys; empty if there is no such object.
    /// - Throws: `DataError` naming the file if it cannot be read or is not JSON.
    package static func keys(ofObject path: String..., inJSONFile file: String) throws -> [String] {
        try RegularFile.contents(of: file).withUnsafeBytes { raw in
            do {
                return try JSONReader.keys(at: path, of: raw.bindMemory(to: UInt8.self)) ?? []
            } catch let fault as JSONReader.Fault {
                throw DataError(
                    .badData, file,
                    "is not valid JSON: line \(fault.line), column \(fault.column): \(fault.reason)")
            }
        }
    }

    /// Creates a document from any encodable value.
    /// - Throws: An error if a number is not finite.
    public init(encoding value: some Encodable) throws {
        try self.init(json: JSONEncoder().encode(value), from: "a value")
    }

    /// The value as JSON text with sorted keys.
    /// - Throws: `DataError` if a number is not finite.
    public func jsonText() throws -> String {
        guard isFinite else {
            throw DataError(.badData, "a document", "holds NaN or infinity, which JSON cannot write")
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    }

    private var isFinite: Bool {
        switch self {
        case .double(let value): value.isFinite
        case .array(let items): items.allSatisfy(\.isFinite)
        case .object(let members): members.values.allSatisfy(\.isFinite)
        default: true
        }
    }
}

extension ConfigValue: Codable {
    /// Decodes any value.
    public init(from decoder: any Decoder) throws {
        // Lists and objects are tried first: a failed attempt to decode a scalar builds its whole coding path.
        if let members = try? decoder.container(keyedBy: MemberName.self) {
            let pairs = try members.allKeys.map { ($0.stringValue, try members.decode(ConfigValue.self, forKey: $0)) }
            self = .object(Dictionary(pairs) { $1 })
            return
        }
        if var list = try? decoder.unkeyedContainer() {
            var items: [ConfigValue] = []
            while !list.isAtEnd { items.append(try list.decode(ConfigValue.self)) }
            self = .array(items)
            return
        }
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .int(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    /// Encodes the value; a number that is not finite becomes null because JSON cannot express it.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .double(let value) where !value.isFinite: try container.encodeNil()
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// A key of any name.
    private struct MemberName: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension ConfigValue: CustomStringConvertible {
    /// The value as JSON on one line.
    public var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .string(let value): "\"\(value)\""
        case .array(let values): "[" + values.map(\.description).joined(separator: ", ") + "]"
        case .object(let values):
            "{" + values.sorted { $0.key < $1.key }.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
        }
    }
}

extension ConfigValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer.
    public init(integerLiteral value: Int) { self = .int(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// A Boolean.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A list.
    public init(arrayLiteral elements: ConfigValue...) { self = .array(elements) }
    /// An object; of equal keys the last one counts.
    public init(dictionaryLiteral elements: (String, ConfigValue)...) {
        self = .object(Dictionary(elements) { $1 })
    }
}
