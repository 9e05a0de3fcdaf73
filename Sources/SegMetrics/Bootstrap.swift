/// How far a mean may be off because the cases are few: drawn again from themselves many times (Efron's percentile
/// interval). The same values and the same seed give the same interval.
public struct Bootstrap: Hashable, Sendable, Codable {
    /// How many times the cases are drawn.
    public var samples: Int
    /// Share of the drawn means inside the interval.
    public var level: Double
    /// Decides the draws.
    public var seed: UInt64

    /// 10 000 draws, 95 %, seed 0 unless told.
    public init(samples: Int = 10_000, level: Double = 0.95, seed: UInt64 = 0) {
        precondition(samples > 0 && level > 0 && level < 1, "an interval has draws and a level between 0 and 1")
        self.samples = samples
        self.level = level
        self.seed = seed
    }

    /// The interval of the mean; `nil` below two values.
    public func interval(ofMean values: [Double]) -> ClosedRange<Double>? {
        guard values.count > 1 else { return nil }
        var generator = SplitMix64(state: seed)
        let means = (0..<samples).map { _ in
            var sum = 0.0
            for _ in values.indices { sum += values[Int.random(in: values.indices, using: &generator)] }
            return sum / Double(values.count)
        }.sorted()
        let tail = (1 - level) / 2 * 100
        return SurfaceDistances.percentile(
            tail, ofSorted: means)...SurfaceDistances.percentile(100 - tail, ofSorted: means)
    }
}

/// Steele, Lea and Flood's generator (Fast splittable pseudorandom number generators, 2014).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
