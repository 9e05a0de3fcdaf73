/// An object of a configuration whose keys are spelled once: the same calls read it and write it.
///
/// A type describes its object in one function. The function receives the value to write, or nil when it reads, and
/// returns the value that was read:
///
///     static func coded(_ blur: Blur?, by coder: ConfigCoder) throws -> Blur {
///         Blur(
///             probability: try coder.value("prob", blur?.probability ?? 0.2, .chance),
///             deviation: try coder.value("std", blur?.deviation ?? 1, .amount))
///     }
///
/// Reading calls the function with nil, therefore the value after `??` is the default of an absent key. Writing calls
/// it with the value and ignores the result.
public final class ConfigCoder {
    /// The reader of the object; nil while one is written.
    public let reader: ConfigReader?
    /// The keys and values that were written.
    public private(set) var entries: [String: ConfigValue] = [:]

    /// Creates a coder that reads an object, or writes one if `reader` is nil. The caller of a reading coder must call
    /// the reader's `finish`.
    public init(_ reader: ConfigReader?) { self.reader = reader }

    /// Reads an object and refuses unknown keys.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    public static func read<T>(_ reader: ConfigReader, _ coded: (T?, ConfigCoder) throws -> T) throws -> T {
        let value = try coded(nil, ConfigCoder(reader))
        try reader.finish()
        return value
    }

    /// The entries of the object that reads as `value`, with every default written out.
    public static func entries<T>(_ value: T, _ coded: (T?, ConfigCoder) throws -> T) -> [String: ConfigValue] {
        let coder = ConfigCoder(nil)
        // Only reading can throw.
        _ = try? coded(value, coder)
        return coder.entries
    }

    /// Codes a value; the given value is the default if the key is absent.
    /// - Throws: `DataError` if the key has a value of another form.
    public func value<T>(_ key: String, _ value: T, _ form: ConfigForm<T>) throws -> T {
        guard let reader else {
            entries[key] = form.encode(value)
            return value
        }
        return try reader.value(key).map { try form.decode($0, key, reader) } ?? value
    }

    /// Codes a value that may be null.
    /// - Throws: `DataError` if the key has a value of another form.
    public func optional<T>(_ key: String, _ value: T?, _ form: ConfigForm<T>) throws -> T? {
        guard let reader else {
            entries[key] = value.map(form.encode) ?? .null
            return value
        }
        return try reader.value(key).map { try form.decode($0, key, reader) } ?? value
    }

    /// Codes a value that may be absent; nil is not written.
    /// - Throws: `DataError` if the key has a value of another form.
    public func given<T>(_ key: String, _ value: T?, _ form: ConfigForm<T>) throws -> T? {
        reader == nil && value == nil ? nil : try optional(key, value, form)
    }

    /// Codes a value without a default.
    /// - Throws: `DataError` if the key is absent or has a value of another form.
    public func required<T>(_ key: String, _ value: T?, _ form: ConfigForm<T>) throws -> T {
        if let reader { return try reader.required(key, optional(key, value, form)) }
        guard let value else { preconditionFailure("\(key) is written without a value") }
        return try self.value(key, value, form)
    }

    /// Codes a nested object that is absent if the value is nil.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    public func object<T>(_ key: String, _ value: T?, _ coded: (T?, ConfigCoder) throws -> T) throws -> T? {
        guard let reader else {
            if let value { entries[key] = .object(Self.entries(value, coded)) }
            return value
        }
        return try reader.object(key).map { try Self.read($0, coded) }
    }

    /// Codes a nested object that is required.
    /// - Throws: `DataError` if the object is absent; the error names the object's key. `DataError` if a key in the
    ///   object is unknown or has a wrong value; the error names this key.
    public func requiredObject<T>(_ key: String, _ value: T?, _ coded: (T?, ConfigCoder) throws -> T) throws -> T {
        let value = try object(key, value, coded)
        if let reader { return try reader.required(key, value) }
        guard let value else { preconditionFailure("\(key) is written without a value") }
        return value
    }

    /// Codes a nested object that is null if the value is nil.
    /// - Throws: `DataError` naming the key that is unknown or wrong.
    public func optionalObject<T>(_ key: String, _ value: T?, _ coded: (T?, ConfigCoder) throws -> T) throws -> T? {
        if reader == nil, value == nil { entries[key] = .null }
        return try object(key, value, coded)
    }

    /// Codes a part of the object that has its own reading function.
    /// - Parameter entries: The entries to write here; empty if the part is written elsewhere.
    /// - Throws: The error that `read` throws.
    public func part<T>(
        _ value: T?, entries: (T) -> [String: ConfigValue] = { _ in [:] }, _ read: (ConfigReader) throws -> T
    ) throws -> T {
        if let reader { return try read(reader) }
        guard let value else { preconditionFailure("a part is written without a value") }
        self.entries.merge(entries(value)) { $1 }
        return value
    }

    /// Codes the minimum and the maximum of a range, both above a limit: `[0.5, 1]`.
    /// - Throws: `DataError` if the key has a value of another form.
    public func range(
        _ key: String, _ value: ClosedRange<Double>?, default usual: ClosedRange<Double>, above limit: Double
    ) throws -> ClosedRange<Double> {
        try self.value(key, value ?? usual, .range(above: limit, example: usual))
    }

    /// Checks, while reading, that an argument is absent or has the only supported value.
    /// - Throws: `DataError` if it has another value.
    public func expect(_ key: String, _ supported: ConfigValue) throws { try reader?.expect(key, supported) }

    /// Creates a value from the values that were read; a `DataError` of the initializer becomes an error about a key.
    /// - Throws: The error that `make` throws.
    public func checked<T>(_ key: String, _ make: () throws -> T) throws -> T {
        do {
            return try make()
        } catch let fault as DataError where fault.kind == .badArgument {
            throw reader?.error(key, fault.message) ?? fault
        }
    }

    /// Checks a condition on the values that were read.
    /// - Throws: `DataError` naming the key if the condition is false while reading.
    public func check(_ key: String, _ isRight: Bool, _ message: @autoclosure () -> String) throws {
        if let reader, !isRight { throw reader.error(key, message()) }
    }
}
