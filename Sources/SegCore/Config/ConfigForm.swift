/// The form of a value of a configuration: reads the value, with a message that states the right form, and writes it.
public struct ConfigForm<T> {
    /// Reads a value; it is never called for an absent key.
    package let decode: (ConfigValue, _ key: String, ConfigReader) throws -> T
    let encode: (T) -> ConfigValue

    /// Creates a form from a reading and a writing function.
    /// - Parameter decode: Throws `DataError`, best made by the reader's `error(_:_:)`.
    public init(
        decode: @escaping (ConfigValue, _ key: String, ConfigReader) throws -> T, encode: @escaping (T) -> ConfigValue
    ) {
        (self.decode, self.encode) = (decode, encode)
    }

    /// The form with an additional condition.
    /// - Parameter condition: The words after "should be" in the message "should be …, not 3".
    public func restricted(to condition: String, _ isRight: @escaping (T) -> Bool) -> ConfigForm {
        ConfigForm(
            decode: { value, key, reader in
                let decoded = try decode(value, key, reader)
                guard isRight(decoded) else { throw reader.error(key, "should be \(condition), not \(decoded)") }
                return decoded
            }, encode: encode)
    }
}

extension ConfigForm<Bool> {
    /// `true` or `false`.
    public static var bool: Self {
        Self(decode: { try $2.required($1, $2.bool($1)) }, encode: ConfigValue.bool)
    }
}

extension ConfigForm<String> {
    /// Text.
    public static var text: Self {
        Self(decode: { try $2.required($1, $2.string($1)) }, encode: ConfigValue.string)
    }
}

extension ConfigForm<[String]> {
    /// A list of strings.
    public static var texts: Self {
        Self(decode: { try $2.required($1, $2.strings($1)) }, encode: { .array($0.map(ConfigValue.string)) })
    }
}

extension ConfigForm<[Int]> {
    /// A list of integers.
    public static var ints: Self {
        Self(decode: { try $2.required($1, $2.ints($1)) }, encode: { .array($0.map(ConfigValue.int)) })
    }

    /// Axes of a volume, without repetition.
    public static var axes: Self {
        ints.restricted(to: "some of 0, 1 and 2") { Set($0).isSubset(of: [0, 1, 2]) && Set($0).count == $0.count }
    }
}

extension ConfigForm<ConfigValue> {
    /// Any value, unchanged.
    public static var any: Self { Self(decode: { value, _, _ in value }, encode: { $0 }) }
}

extension ConfigForm<Int> {
    /// An integer.
    public static var int: Self {
        Self(decode: { try $2.required($1, $2.int($1)) }, encode: ConfigValue.int)
    }

    /// An integer above 0.
    public static var positive: Self { int.restricted(to: "positive") { $0 > 0 } }

    /// An integer of at least 0.
    public static var natural: Self { int.restricted(to: "0 or more") { $0 >= 0 } }

    /// An integer within bounds.
    public static func within(_ bounds: ClosedRange<Int>) -> Self {
        int.restricted(to: "from \(bounds.lowerBound) to \(bounds.upperBound)", bounds.contains)
    }
}

extension ConfigForm<Double> {
    /// A number.
    public static var number: Self {
        Self(decode: { try $2.required($1, $2.double($1)) }, encode: ConfigValue.double)
    }

    /// A number above 0.
    public static var positive: Self { number.restricted(to: "positive") { $0 > 0 } }

    /// A finite number of at least 0.
    public static var amount: Self { number.restricted(to: "0 or more") { $0 >= 0 && $0.isFinite } }

    /// A number from 0 to 1, such as a probability or a fraction.
    public static var chance: Self { number.restricted(to: "from 0 to 1") { $0 >= 0 && $0 <= 1 } }
}

extension ConfigForm<Float> {
    /// A single-precision number, written with the fewest digits that identify it.
    public static var number: Self { single(.number) }

    /// A number from 0 to 1, such as a probability or a fraction.
    public static var chance: Self { single(.chance) }

    /// A finite number of at least 0.
    public static var amount: Self { single(.amount) }

    private static func single(_ form: ConfigForm<Double>) -> Self {
        Self(decode: { Float(try form.decode($0, $1, $2)) }, encode: ConfigValue.number)
    }
}

extension ConfigForm<[Float]> {
    /// A list of numbers in single precision.
    public static var numbers: Self {
        Self(
            decode: { try $2.required($1, $2.doubles($1)).map { Float($0) } },
            encode: { .array($0.map(ConfigValue.number)) })
    }
}

extension ConfigForm<ClosedRange<Double>> {
    /// The minimum and the maximum of a range, `[0.5, 1]`.
    /// - Parameters:
    ///   - limit: A bound that both exceed.
    ///   - example: A valid value for the error message.
    public static func range(above limit: Double, example: ClosedRange<Double>) -> Self {
        Self(
            decode: { _, key, reader in
                let ends = try reader.required(key, reader.doubles(key))
                guard ends.count == 2, ends.allSatisfy(\.isFinite), ends[0] > limit, ends[0] <= ends[1] else {
                    let least = limit.isFinite ? ", both above \(Int(limit))" : ""
                    throw reader.error(
                        key,
                        "should be the minimum and the maximum\(least), such as "
                            + "[\(example.lowerBound), \(example.upperBound)], not \(ends)")
                }
                return ends[0]...ends[1]
            }, encode: { [.double($0.lowerBound), .double($0.upperBound)] })
    }
}

extension ConfigForm where T: Equatable {
    /// One of several names.
    /// - Parameter names: The names with their values.
    public static func named(_ names: KeyValuePairs<String, T>) -> Self { named(Array(names)) }

    private static func named(_ names: [(key: String, value: T)]) -> Self {
        let words = names.map(\.key)
        return Self(
            decode: { _, key, reader in
                let name = try reader.required(key, reader.string(key))
                if let match = names.first(where: { $0.key == name }) { return match.value }
                let list = words.dropLast().joined(separator: ", ")
                throw reader.error(key, "should be \(list) or \(words.last ?? ""), not '\(name)'")
            },
            encode: { value in
                guard let name = names.first(where: { $0.value == value })?.key else {
                    preconditionFailure("\(value) is none of \(words)")
                }
                return .string(name)
            })
    }
}

extension ConfigForm where T: CaseIterable & RawRepresentable<String> & Equatable {
    /// One of the raw values of an enumeration.
    public static var name: Self { named(T.allCases.map { ($0.rawValue, $0) }) }
}

extension ConfigValue {
    /// A 32-bit number with its shortest decimal form: 0.9, not the 0.899999976 that it is in double precision.
    public static func number(_ value: Float) -> ConfigValue { .double(Double("\(value)") ?? Double(value)) }
}
