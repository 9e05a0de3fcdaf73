internal import SegBackend
public import SegCore

/// Arguments that several of MONAI's networks have in common.
extension ConfigReader {
    /// Accepts `spatial_dims` of 3 under any of its names.
    /// - Throws: `DataError` for another number.
    func requireThreeDimensions(_ keys: String...) throws {
        for key in keys {
            if let dimensions = try int(key), dimensions != 3 {
                throw error(key, "only 3 is supported, not \(dimensions)")
            }
        }
    }

    /// `spatial_dims` of 2 or 3, of a network that can see the slices of a volume one by one; 3 where nothing is said.
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

    /// A number of channels beyond these is a typing error, and the sizes of its arrays could not be counted.
    private static let channelRange = 1...1 << 16
    /// Stages of a network, from the finest to the coarsest.
    private static let levelRange = 1...16
    /// Blocks of a stage.
    private static let blockRange = 1...256

    /// A number of channels, or of what is like them; nil where it is absent.
    /// - Throws: `DataError` where it is something else.
    public func positive(_ key: String) throws -> Int? {
        guard let number = try int(key) else { return nil }
        try check(number, Self.channelRange, key)
        return number
    }

    /// Numbers of channels, one a stage; nil where they are absent.
    /// - Throws: `DataError` where they are something else.
    public func channels(_ key: String) throws -> [Int]? { try stages(key, Self.channelRange) }

    /// Numbers of blocks, one a stage; nil where they are absent.
    /// - Throws: `DataError` where they are something else.
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

    /// A probability of at least 0 and below 1; nil where it is absent.
    /// - Throws: `DataError` where it is something else.
    public func probability(_ key: String) throws -> Float? {
        guard let number = try double(key) else { return nil }
        guard let probability = Self.probability(of: number) else {
            throw error(key, "should be at least 0 and below 1, not \(number)")
        }
        return probability
    }

    /// A number as a probability; nil where it is below 0, or is 1 or more as the network computes with it.
    static func probability(of number: Double) -> Float? {
        let probability = Float(number)
        return number >= 0 && probability < 1 ? probability : nil
    }

    /// A positive whole number for all axes, or three; nil where it is absent.
    /// - Parameter dimensions: Of 2 the third axis has 1, and lists have two numbers.
    /// - Throws: `DataError` where it is something else.
    public func triple(_ key: String, dimensions: Int = 3) throws -> Triple? {
        try value(key).map { try triple(of: $0, key, dimensions) }
    }

    /// A list whose entries are each a positive whole number or three of them; nil where it is absent.
    /// - Parameter dimensions: As of `triple`.
    /// - Throws: `DataError` where it is something else.
    public func triples(_ key: String, dimensions: Int = 3) throws -> [Triple]? {
        guard let value = value(key) else { return nil }
        guard case .array(let items) = value else { throw error(key, "should be a list, not \(value)") }
        guard Self.levelRange.contains(items.count) else {
            throw error(key, "should have from 1 to \(Self.levelRange.upperBound) entries, not \(items.count)")
        }
        return try items.map { try triple(of: $0, key, dimensions) }
    }

    /// Strides of the stages of a network, one after the other, of which no axis is divided by more than 4096.
    /// - Parameter dimensions: As of `triple`.
    /// - Throws: `DataError` where they are absent, something else or more.
    public func strides(_ key: String, dimensions: Int = 3) throws -> [Triple] {
        let strides = try required(key, triples(key, dimensions: dimensions))
        try check(strides: strides, key)
        return strides
    }

    /// Refuses strides that divide an axis by more than 4096 in all.
    /// - Throws: `DataError` naming them.
    func check(strides: [Triple], _ key: String) throws {
        var product = Triple(1)
        for stride in strides {
            product = product.zip(stride, *)
            guard product.array.allSatisfy({ $0 <= Self.largestExtent }) else {
                throw error(key, "divide an axis by more than \(Self.largestExtent) in all: \(strides)")
            }
        }
    }

    /// Refuses an argument whose meaning is not supported at all.
    /// - Throws: `DataError` where it is there.
    func refuse(_ keys: String...) throws {
        for key in keys where value(key) != nil { throw error(key, "is not supported") }
    }

    /// Beyond this an extent is a typing error, and the sizes of arrays could not be counted.
    private static let largestExtent = 4096

    private func triple(of value: ConfigValue, _ key: String, _ dimensions: Int) throws -> Triple {
        let range = 1...Self.largestExtent
        var numbers = value.wholeNumber.map { [Int](repeating: $0, count: dimensions) } ?? []
        if case .array(let items) = value { numbers = items.compactMap { $0.wholeNumber ?? 0 } }
        guard numbers.count == dimensions, numbers.allSatisfy(range.contains) else {
            throw error(
                key,
                "should be a whole number from 1 to \(Self.largestExtent) or \(dimensions == 3 ? "three" : "two") of them, not "
                    + "\(value)")
        }
        return Triple(numbers + [Int](repeating: 1, count: 3 - dimensions))
    }
}
