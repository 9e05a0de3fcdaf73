/// Reads the entries of an object one by one and refuses those that were not read.
///
/// A misspelt key is an error that suggests the nearest known key: if it were ignored, another network than the
/// intended one would be trained.
public final class ConfigReader {
    /// The file, or a name for the source in messages.
    public let source: String
    /// The key path of the object in its document, such as `network_def`; empty for the document itself.
    package let path: String
    private let entries: [String: ConfigValue]
    private var known: Set<String> = []

    /// Starts to read an object.
    /// - Throws: `DataError` if the value is not an object.
    public init(_ value: ConfigValue, path: String, source: String) throws {
        guard case .object(let entries) = value else {
            throw DataError(.badData, source, key: path.isEmpty ? nil : path, "should be an object, not \(value)")
        }
        self.source = source
        self.path = path
        self.entries = entries
    }

    /// The value of a key; nil if it is absent or null.
    public func value(_ key: String) -> ConfigValue? {
        known.insert(key)
        guard let value = entries[key], value != .null else { return nil }
        return value
    }

    /// Whether the value of a key is null, which means "none" for MONAI's networks.
    public func isNull(_ key: String) -> Bool {
        known.insert(key)
        return entries[key] == .null
    }

    /// Marks keys as known whose values do not matter here.
    public func ignore(_ keys: String...) { known.formUnion(keys) }

    /// Creates an error about the value of a key.
    public func error(_ key: String, _ message: String) -> DataError {
        DataError(.badData, source, key: qualified(key), message)
    }

    /// A nested object; nil if it is absent.
    /// - Throws: `DataError` if the value is not an object.
    public func object(_ key: String) throws -> ConfigReader? {
        try value(key).map { try ConfigReader($0, path: qualified(key), source: source) }
    }

    /// A list of objects; nil if it is absent.
    /// - Throws: `DataError` if the value is something else.
    public func objects(_ key: String) throws -> [ConfigReader]? {
        guard let value = value(key) else { return nil }
        guard case .array(let items) = value else { throw error(key, "should be a list of objects, not \(value)") }
        return try items.enumerated().map { try ConfigReader($1, path: qualified("\(key).\($0)"), source: source) }
    }

    /// An integer; nil if it is absent.
    /// - Throws: `DataError` if it is something else.
    public func int(_ key: String) throws -> Int? {
        guard let value = value(key) else { return nil }
        guard let int = value.wholeNumber else { throw error(key, "should be an integer, not \(value)") }
        return int
    }

    /// A number; nil if it is absent.
    /// - Throws: `DataError` if it is something else.
    public func double(_ key: String) throws -> Double? {
        guard let value = value(key) else { return nil }
        guard let double = value.number else { throw error(key, "should be a number, not \(value)") }
        return double
    }

    /// A truth value; nil if it is absent.
    /// - Throws: `DataError` if it is something else.
    public func bool(_ key: String) throws -> Bool? {
        guard let value = value(key) else { return nil }
        guard case .bool(let bool) = value else { throw error(key, "should be true or false, not \(value)") }
        return bool
    }

    /// Text; nil if it is absent.
    /// - Throws: `DataError` if it is something else.
    public func string(_ key: String) throws -> String? {
        guard let value = value(key) else { return nil }
        guard case .string(let string) = value else { throw error(key, "should be text, not \(value)") }
        return string
    }

    /// A list of numbers; nil if it is absent.
    /// - Throws: `DataError` if it is something else.
    public func doubles(_ key: String) throws -> [Double]? {
        guard let value = value(key) else { return nil }
        guard case .array(let items) = value else { throw error(key, "should be a list of numbers, not \(value)") }
        return try items.map {
            guard let number = $0.number else { throw error(key, "should be a list of numbers, not \(value)") }
            return number
        }
    }

    /// A list of integers; nil if it is absent.
    /// - Throws: `DataError` if it is something else.
    public func ints(_ key: String) throws -> [Int]? {
        try doubles(key).map { numbers in
            try numbers.map {
                guard let int = Int(exactly: $0) else { throw error(key, "should be integers, not \(numbers)") }
                return int
            }
        }
    }

    /// A list of strings; nil if it is absent.
    /// - Throws: `DataError` if it is something else.
    public func strings(_ key: String) throws -> [String]? {
        guard let value = value(key), value != .null else { return nil }
        guard case .array(let items) = value else {
            throw error(key, "should be a list of strings, not \(value)")
        }
        return try items.map { item in
            guard case .string(let text) = item else { throw error(key, "should be a list of strings, not \(value)") }
            return text
        }
    }

    /// Checks that an argument is absent or has the only supported value.
    /// - Throws: `DataError` if it has another value.
    public func expect(_ key: String, _ supported: ConfigValue) throws {
        guard let value = value(key), value != supported else { return }
        if let number = value.number, number == supported.number { return }
        throw error(key, "only \(supported) is supported, not \(value)")
    }

    /// Checks that a value exists.
    /// - Throws: `DataError` if it is nil; the error suggests an unread key that is spelt nearly alike, or that has the name of
    ///   this key in another program.
    public func required<T>(_ key: String, _ value: T?) throws -> T {
        if let value { return value }
        let unread = entries.keys.filter { !known.contains($0) }
        if let other = unread.filter({ Self.synonyms[$0]?.contains(key) == true }).min() {
            throw error(key, "is missing; '\(other)' is called '\(key)' here\(Self.unit(of: other))")
        }
        let similar = unread.filter { editDistance($0, key) <= 2 }.min()
        throw error(key, "is missing" + (similar.map { "; is '\($0)' a misspelt '\(key)'?" } ?? ""))
    }

    /// Refuses keys that were not read and suggests the nearest known one.
    ///
    /// A key that resembles a known one is reported first: if `name` is misspelt, the keys that belong to the right
    /// `name` are unknown too.
    /// - Throws: `DataError` naming the unknown keys that resemble known ones, or else all of them.
    public func finish() throws {
        let unknown = entries.keys.filter { !known.contains($0) }.sorted()
        let hinted = unknown.compactMap { key in
            meant(by: key).map { (key: key, question: "did you mean '\($0)'\(Self.unit(of: key))?") }
        }
        if let first = hinted.first {
            let others = hinted.dropFirst().map { " Nor is '\($0.key)'; \($0.question)" }
            throw error(first.key, "is not a known key; \(first.question)" + others.joined())
        }
        if let key = unknown.first {
            let others = unknown.dropFirst().map { ", nor is '\($0)'" }.joined()
            throw error(key, "is not a known key\(others); known here: \(known.sorted().joined(separator: ", "))")
        }
    }

    /// Refuses all keys that were not read, in one error.
    /// - Throws: `DataError` naming every unknown key.
    public func finishAll() throws {
        let unknown = entries.keys.filter { !known.contains($0) }.sorted()
        guard unknown.count > 1 else { return try finish() }
        throw DataError(
            .badData, source, key: path.isEmpty ? nil : path,
            "\(unknown.joined(separator: ", ")) are not known keys, but may change the result; remove them")
    }

    /// The known key that an unknown one stands for; nil if there is none.
    private func meant(by key: String) -> String? {
        let synonym = Self.synonyms[key]?.first { path in known.contains(String(path.prefix(while: { $0 != "." }))) }
        return synonym ?? nearest(to: key, among: known)
    }

    /// Keys by their names in other programs, or at a wrong place; the first that is known where such a name stands is meant.
    private static let synonyms: [String: [String]] = [
        "lr": ["learning_rate", "optimizer.learning_rate"], "initial_lr": ["learning_rate", "optimizer.learning_rate"],
        "learning_rate": ["optimizer.learning_rate"],
        "batch_size": ["volumes_per_batch", "sampling.volumes_per_batch"],
        "volumes_per_batch": ["sampling.volumes_per_batch"],
        "patch_size": ["roi_size"], "max_steps": ["iterations"], "num_steps": ["iterations"],
        "epochs": ["iterations"], "max_epochs": ["iterations"], "num_epochs": ["iterations"],
    ]

    /// A remark on keys that count epochs, for which steps are suggested.
    private static func unit(of key: String) -> String {
        ["epochs", "max_epochs", "num_epochs"].contains(key) ? ", which counts steps, not epochs" : ""
    }

    private func qualified(_ key: String) -> String { path.isEmpty ? key : path + "." + key }
}

extension ConfigValue {
    /// The number of an integer or a floating-point value.
    public var number: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// The number, if it is an integer.
    public var wholeNumber: Int? { number.flatMap(Int.init(exactly:)) }
}
