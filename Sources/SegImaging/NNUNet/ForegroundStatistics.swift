/// Statistics of the foreground of one channel; `foreground_intensity_properties_per_channel`.
package struct ForegroundStatistics: Hashable, Sendable {
    package let mean: Double
    package let median: Double
    package let deviation: Double
    package let least: Double
    package let largest: Double
    /// The percentile 0.5.
    package let low: Double
    /// The percentile 99.5.
    package let high: Double

    /// Computes the statistics of the draws of all cases; nil if no case has foreground.
    /// - Parameter count: The number of draws of each case.
    package init?(of cases: [ForegroundDraws], count: Int) {
        let stream = ForegroundStream(cases, count: count)
        guard stream.total > 0 else { return nil }
        // NumPy computes in float64 if the empty list of one case is among the arrays.
        self = cases.contains(where: \.isEmpty) ? Self(stream, in: Double.self) : Self(stream, in: Float.self)
    }

    /// Reads the draws twice and stores none of them, because there may be 100 million.
    private init<Number: BinaryFloatingPoint>(_ stream: ForegroundStream, in number: Number.Type) {
        let total = stream.total
        let places = [0.5, 50, 99.5].map { OrderStatistics.place($0, count: total) }
        let ranks = [0, total - 1] + places.flatMap { [$0.below, min($0.below + 1, total - 1)] }
        var first = stream
        var order = RankedValues()
        let sum: Number = pairwiseSum(total) {
            let value = first.next()
            order.countCoarsely(value)
            return Number(value)
        }
        let mean = Number(Double(sum) / Double(total))
        order.choose(ranks)
        var second = stream
        let squares: Number = pairwiseSum(total) {
            let value = second.next()
            order.countFinely(value)
            let difference = Number(value) - mean
            return difference * difference
        }
        let values = order.values(ranks)
        let percentiles = places.enumerated().map { number, place in
            OrderStatistics.between(values[2 + 2 * number], values[3 + 2 * number], place.share)
        }
        self.mean = Double(mean)
        deviation = Double(Number(Double(squares) / Double(total)).squareRoot())
        (least, largest) = (Double(values[0]), Double(values[1]))
        (low, median, high) = (percentiles[0], percentiles[1], percentiles[2])
    }
}

/// The sum of `count` numbers in NumPy's order: blocks of up to 128 in eight lanes, halves added pairwise.
private func pairwiseSum<Number: BinaryFloatingPoint>(_ count: Int, _ next: () -> Number) -> Number {
    if count < 8 { return (0..<count).reduce(0) { sum, _ in sum + next() } }
    guard count <= 128 else {
        let half = count / 2 - count / 2 % 8
        let left = pairwiseSum(half, next)
        return left + pairwiseSum(count - half, next)
    }
    var lanes = (0..<8).map { _ in next() }
    for index in 8..<count - count % 8 { lanes[index % 8] += next() }
    var sum = (lanes[0] + lanes[1] + (lanes[2] + lanes[3])) + (lanes[4] + lanes[5] + (lanes[6] + lanes[7]))
    for _ in 0..<count % 8 { sum += next() }
    return sum
}

/// The values at given ranks among numbers that are read twice. They are counted first by their upper 16 bits, then by their
/// lower 16 bits.
private struct RankedValues {
    private static let buckets = 1 << 16
    private var coarse = [Int](repeating: 0, count: buckets)
    /// For each coarse bucket, the index of its list of fine buckets; -1 if no rank lies in it.
    private var slots = [Int](repeating: -1, count: buckets)
    private var fine: [Int] = []

    mutating func countCoarsely(_ value: Float) { coarse[Int(Self.key(value) >> 16)] += 1 }

    mutating func countFinely(_ value: Float) {
        let key = Self.key(value)
        let slot = slots[Int(key >> 16)]
        if slot >= 0 { fine[slot * Self.buckets + Int(key & 0xffff)] += 1 }
    }

    /// Chooses the coarse buckets that are counted finely.
    mutating func choose(_ ranks: [Int]) {
        for rank in ranks where slots[Self.bucket(of: rank, in: coarse[...]).index] < 0 {
            slots[Self.bucket(of: rank, in: coarse[...]).index] = fine.count / Self.buckets
            fine += [Int](repeating: 0, count: Self.buckets)
        }
    }

    /// The values of the ranks that were chosen.
    func values(_ ranks: [Int]) -> [Float] {
        ranks.map { rank in
            let (high, rest) = Self.bucket(of: rank, in: coarse[...])
            let low = Self.bucket(of: rest, in: fine[(slots[high] * Self.buckets)...].prefix(Self.buckets)).index
            return Self.value(UInt32(high) << 16 | UInt32(low))
        }
    }

    /// The bucket that holds a rank, and the rank inside of it.
    private static func bucket(of rank: Int, in counts: ArraySlice<Int>) -> (index: Int, rank: Int) {
        var rest = rank
        for (index, count) in counts.enumerated() {
            if rest < count { return (index, rest) }
            rest -= count
        }
        preconditionFailure("a rank should be below the count of the values")
    }

    /// The bits of a number, changed so that they have the same order as the numbers.
    private static func key(_ value: Float) -> UInt32 {
        let bits = value.bitPattern
        return bits >> 31 == 0 ? bits | 0x8000_0000 : ~bits
    }

    private static func value(_ key: UInt32) -> Float {
        Float(bitPattern: key >> 31 == 0 ? ~key : key & 0x7fff_ffff)
    }
}
