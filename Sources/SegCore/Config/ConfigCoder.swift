/// An object of a configuration whose keys are spelled once: the same calls read it and write it.
///
/// A type describes its object in one function that takes the value it has, nil where there is none yet, and returns
/// the value that is read:
///
///     static func coded(_ blur: Blur?, by coder: ConfigCoder) throws -> Blur {
///         Blur(
///             probability: try coder.value("prob", blur?.probability ?? 0.2, .chance),
///             deviation: try coder.value("std", blur?.deviation ?? 1, .amount))
///     }
///
/// Reading calls it with nil, so that what stands after `??` is the default of an absent key; writing calls it with the
/// value and drops what it returns.
public final class ConfigCoder {
    /// The object that is read; nil while one is written.
    public let reader: ConfigReader?
    /// What was written: every key with its value.
    public private(set) var entries: [String: ConfigValue] = [:]

    /// Reads an object, or writes one where there is no reader; who reads calls `finish` of the reader.
    public init(_ reader: ConfigReader?) { self.reader = reader }

    /// Reads an object and complains about keys that were not asked for.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    public static func read<T>(_ reader: ConfigReader, _ coded: (T?, ConfigCoder) throws -> T) throws -> T {
        let value = try coded(nil, ConfigCoder(reader))
        try reader.finish()
        return value
    }

    /// The object that reads as a value, every default written out.
    public static func entries<T>(_ value: T, _ coded: (T?, ConfigCoder) throws -> T) -> [String: ConfigValue] {
        let coder = ConfigCoder(nil)
        // Nothing but a key that is read can be wrong.
        _ = try? coded(value, coder)
        return coder.entries
    }

    /// A value: what the key has, or the given one where it is absent.
    /// - Throws: `DataError` where the key has something else.
    public func value<T>(_ key: String, _ value: T, _ form: ConfigForm<T>) throws -> T {
        guard let reader else {
            entries[key] = form.encode(value)
            return value
        }
        return try reader.value(key).map { try form.decode($0, key, reader) } ?? value
    }

    /// A value that may be null.
    /// - Throws: `DataError` where the key has something else.
    public func optional<T>(_ key: String, _ value: T?, _ form: ConfigForm<T>) throws -> T? {
        guard let reader else {
            entries[key] = value.map(form.encode) ?? .null
            return value
        }
        return try reader.value(key).map { try form.decode($0, key, reader) } ?? value
    }

    /// A value that may be absent, and is not written then.
    /// - Throws: `DataError` where the key has something else.
    public func given<T>(_ key: String, _ value: T?, _ form: ConfigForm<T>) throws -> T? {
        reader == nil && value == nil ? nil : try optional(key, value, form)
    }

    /// A value without a default.
    /// - Throws: `DataError` where the key is absent or has something else.
    public func required<T>(_ key: String, _ value: T?, _ form: ConfigForm<T>) throws -> T {
        if let reader { return try reader.required(key, optional(key, value, form)) }
        guard let value else { preconditionFailure("\(key) is written without a value") }
        return try self.value(key, value, form)
    }

    /// A nested object that is absent where the value is nil.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    public func object<T>(_ key: String, _ value: T?, _ coded: (T?, ConfigCoder) throws -> T) throws -> T? {
        guard let reader else {
            if let value { entries[key] = .object(Self.entries(value, coded)) }
            return value
        }
        return try reader.object(key).map { try Self.read($0, coded) }
    }

    /// A nested object that must be there.
    /// - Throws: `DataError` where it is absent, or naming the key that is unknown or wrong.
    public func requiredObject<T>(_ key: String, _ value: T?, _ coded: (T?, ConfigCoder) throws -> T) throws -> T {
        let value = try object(key, value, coded)
        if let reader { return try reader.required(key, value) }
        guard let value else { preconditionFailure("\(key) is written without a value") }
        return value
    }

    /// A nested object that is null where the value is nil.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    public func optionalObject<T>(_ key: String, _ value: T?, _ coded: (T?, ConfigCoder) throws -> T) throws -> T? {
        if reader == nil, value == nil { entries[key] = .null }
        return try object(key, value, coded)
    }

    /// A part that a reader of its own reads.
    /// - Parameter entries: What is written of it here; nothing where it is written elsewhere.
    /// - Throws: What `read` throws.
    public func part<T>(
        _ value: T?, entries: (T) -> [String: ConfigValue] = { _ in [:] }, _ read: (ConfigReader) throws -> T
    ) throws -> T {
        if let reader { return try read(reader) }
        guard let value else { preconditionFailure("a part is written without a value") }
        self.entries.merge(entries(value)) { $1 }
        return value
    }

    /// The least and the greatest of a range, both above a limit: `[0.5, 1]`.
    /// - Throws: `DataError` where the key has something else.
    public func range(
        _ key: String, _ value: ClosedRange<Double>?, default usual: ClosedRange<Double>, above limit: Double
    ) throws -> ClosedRange<Double> {
        try self.value(key, value ?? usual, .range(above: limit, example: usual))
    }

    /// Insists, while reading, that an argument is absent or has the one value that is supported.
    /// - Throws: `DataError` where it has another.
    public func expect(_ key: String, _ supported: ConfigValue) throws { try reader?.expect(key, supported) }

    /// Makes a value of what was read; what its initializer objects to becomes an error about a key.
    /// - Throws: What `make` throws.
    public func checked<T>(_ key: String, _ make: () throws -> T) throws -> T {
        do {
            return try make()
        } catch let fault as DataError where fault.kind == .badArgument {
            throw reader?.error(key, fault.message) ?? fault
        }
    }

    /// Insists on something about what was read.
    /// - Throws: `DataError` naming the key, while reading.
    public func check(_ key: String, _ isRight: Bool, _ message: @autoclosure () -> String) throws {
        if let reader, !isRight { throw reader.error(key, message()) }
    }
}
