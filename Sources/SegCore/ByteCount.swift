/// A number of bytes as people write it: `2G`, `512M`, `64K`, or plain bytes.
public struct ByteCount: Hashable, Sendable, CustomStringConvertible {
    /// The number of bytes.
    public let bytes: Int

    /// Creates a count from a number of bytes.
    public init(bytes: Int) { self.bytes = bytes }

    /// Parses text such as `2G`; nil if it is not a positive number of bytes.
    public init?(_ text: String) {
        let unit = text.last.flatMap { last in Self.units.first { $0.name == last.uppercased() } }
        guard let number = Int(unit == nil ? text : String(text.dropLast())), number > 0 else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit?.size ?? 1)
        guard !overflow else { return nil }
        bytes = product
    }

    /// The number in the largest unit that divides it.
    public var description: String {
        guard bytes > 0, let unit = Self.units.first(where: { bytes % $0.size == 0 }) else { return String(bytes) }
        return "\(bytes / unit.size)\(unit.name)"
    }

    private static let units: [(name: String, size: Int)] = [
        ("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10),
    ]
}
