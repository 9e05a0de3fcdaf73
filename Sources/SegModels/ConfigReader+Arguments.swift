internal import SegBackend
public import SegCore

/// Arguments that several of MONAI's networks have in common.
extension ConfigReader {
    /// Checks that `spatial_dims` is 3, under any of its names, or absent.
    /// - Throws: `DataError` for another number.
    func requireThreeDimensions(_ keys: String...) throws {
        for key in keys {
            if let dimensions = try int(key), dimensions != 3 {
                throw error(key, "only 3 is supported, not \(dimensions)")
            }
        }
    }

    /// Reads `spatial_dims`, 2 or 3, of a network that can process the slices of a volume one by one; 3 if it is absent.
    /// - Throws: `DataError` for another number.
    func planarOrSpatial(_ keys: String...) throws -> Int {
        var found = 3
        for key in keys {
            guard let dimensions = try int(key) else { continue }
            guard dimensions == 2 || dimensions == 3 else {
                throw error(key, "only 2 and 3 are supported, not \(dimensions)")
            }
            found = dimensions
        }
        return found
    }

    /// The supported numbers of channels. A larger number is a typing error, and array sizes could overflow.
    private static let channelRange = 1...1 << 16
    /// The supported numbers of stages of a network.
    private static let levelRange = 1...16
    /// The supported numbers of blocks of a stage.
    private static let blockRange = 1...256

    /// Reads a number of channels or a similar positive integer; nil if it is absent.
    /// - Throws: `DataError` if the value is anything else.
    public func positive(_ key: String) throws -> Int? {
        guard let number = try int(key) else { return nil }
        try check(number, Self.channelRange, key)
        return number
    }

    /// Reads numbers of channels, one per stage; nil if they are absent.
    /// - Throws: `DataError` if the value is anything else.
    public func channels(_ key: String) throws -> [Int]? { try stages(key, Self.channelRange) }

    /// Reads numbers of blocks, one per stage; nil if they are absent.
    /// - Throws: `DataError` if the value is anything else.
    public func blocks(_ key: String) throws -> [Int]? { try stages(key, Self.blockRange) }

    private func stages(_ key: String, _ range: ClosedRange<Int>) throws -> [Int]? {
        guard let numbers = try ints(key) else { return nil }
        guard Self.levelRange.contains(numbers.count) else {
            throw error(key, "should have from 1 to \(Self.levelRange.upperBound) numbers, not \(numbers.count)")
        }
        for number in numbers { try check(number, range, key) }
        return numbers
    }

    private func check(_ number: Int, _ range: ClosedRange<Int>, _ key: String) throws {
        guard range.contains(number) else {
            throw error(key, "should be from \(range.lowerBound) to \(range.upperBound), not \(number)")
        }
    }

    /// Reads a probability of at least 0 and below 1; nil if it is absent.
    /// - Throws: `DataError` if the value is anything else.
    public func probability(_ key: String) throws -> Float? {
        guard let number = try double(key) else { return nil }
        guard let probability = Self.probability(of: number) else {
            throw error(key, "should be at least 0 and below 1, not \(number)")
        }
        return probability
    }

    /// Converts a number to a 32-bit probability; nil if it is below 0 or rounds to 1 or more.
    static func probability(of number: Double) -> Float? {
        let probability = Float(number)
        return number >= 0 && probability < 1 ? probability : nil
    }

    /// Reads a positive integer for all axes, or a list of one per axis; nil if it is absent.
    /// - Parameter dimensions: 3, or 2 for lists of two numbers; the third axis is then 1.
    /// - Throws: `DataError` if the value is anything else.
    public func triple(_ key: String, dimensions: Int = 3) throws -> Triple? {
        try value(key).map { try triple(of: $0, key, dimensions) }
    }

    /// Reads a list whose entries are each a positive integer or a list of one per axis; nil if it is absent.
    /// - Parameter dimensions: As in `triple`.
    /// - Throws: `DataError` if the value is anything else.
    public func triples(_ key: String, dimensions: Int = 3) throws -> [Triple]? {
        guard let value = value(key) else { return nil }
        guard case .array(let items) = value else { throw error(key, "should be a list, not \(value)") }
        guard Self.levelRange.contains(items.count) else {
            throw error(key, "should have from 1 to \(Self.levelRange.upperBound) entries, not \(items.count)")
        }
        return try items.map { try triple(of: $0, key, dimensions) }
    }

    /// Reads the strides of a network's stages, whose product along each axis is at most 4096.
    /// - Parameter dimensions: As in `triple`.
    /// - Throws: `DataError` if the strides are absent, malformed or too large.
    public func strides(_ key: String, dimensions: Int = 3) throws -> [Triple] {
        let strides = try required(key, triples(key, dimensions: dimensions))
        try check(strides: strides, key)
        return strides
    }

    /// Refuses strides whose product along an axis is above 4096.
    /// - Throws: `DataError` that lists the strides.
    func check(strides: [Triple], _ key: String) throws {
        var product = Triple(1)
        for stride in strides {
            product = product.zip(stride, *)
            guard product.array.allSatisfy({ $0 <= Self.largestExtent }) else {
                throw error(key, "divide an axis by more than \(Self.largestExtent) in all: \(strides)")
            }
        }
    }

    /// Refuses arguments that are not supported.
    /// - Throws: `DataError` if one of them is present.
    func refuse(_ keys: String...) throws {
        for key in keys where value(key) != nil { throw error(key, "is not supported") }
    }

    /// The maximum size along an axis. A larger number is a typing error, and array sizes could overflow.
    private static let largestExtent = 4096

    private func triple(of value: ConfigValue, _ key: String, _ dimensions: Int) throws -> Triple {
        let range = 1...Self.largestExtent
        var numbers = value.wholeNumber.map { [Int](repeating: $0, count: dimensions) } ?? []
        if case .array(let items) = value { numbers = items.compactMap { $0.wholeNumber ?? 0 } }
        guard numbers.count == dimensions, numbers.allSatisfy(range.contains) else {
            throw error(
                key,
                "should be an integer from 1 to \(Self.largestExtent) or \(dimensions == 3 ? "three" : "two") of them, not "
                    + "\(value)")
        }
        return Triple(numbers + [Int](repeating: 1, count: 3 - dimensions))
    }
}
