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
    /// - Throws: `DataError` naming the file where it cannot be read or is not JSON, with line and column.
    public init(jsonFile path: String) throws {
        try self.init(json: RegularFile.contents(of: path), from: path)
    }

    /// Reads a JSON document.
    /// - Parameter source: The file, or what stands for it in messages.
    /// - Throws: `DataError` where the bytes are not JSON or beyond `Limits`, with line and column.
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

    /// The keys of an object of a JSON file in the order in which they are written, which a value does not keep.
    /// - Parameter path: Keys that lead to the object from the document's own.
    /// - Returns: Empty where there is no object.
    /// - Throws: `DataError` naming the file where it cannot be read or is not JSON.
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

    /// Any encodable value as a document.
    /// - Throws: Where a number is not finite.
    public init(encoding value: some Encodable) throws {
        try self.init(json: JSONEncoder().encode(value), from: "a value")
    }

    /// The value as JSON text with sorted keys.
    /// - Throws: `DataError` where a number is not finite.
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
    /// Decodes whatever value stands there.
    public init(from decoder: any Decoder) throws {
        // Lists and objects are asked for first: a scalar that is tried in vain costs its whole coding path.
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

    /// Encodes the value; a number that is not finite is written as null, as JSON has no word for it.
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
    /// The value as it would be written on one line.
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
    /// A whole number.
    public init(integerLiteral value: Int) { self = .int(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A list.
    public init(arrayLiteral elements: ConfigValue...) { self = .array(elements) }
    /// An object; of equal keys the last counts.
    public init(dictionaryLiteral elements: (String, ConfigValue)...) {
        self = .object(Dictionary(elements) { $1 })
    }
}
