/// A confidence interval of a mean over few cases by Efron's percentile bootstrap: the cases are resampled many times.
/// The same values and the same seed give the same interval.
public struct Bootstrap: Hashable, Sendable, Codable {
    /// The number of resamples.
    public var samples: Int
    /// The confidence level: the fraction of resampled means inside the interval.
    public var level: Double
    /// The seed of the resampling.
    public var seed: UInt64

    /// Creates a bootstrap, by default with 10 000 resamples, 95 % and seed 0.
    public init(samples: Int = 10_000, level: Double = 0.95, seed: UInt64 = 0) {
        precondition(samples > 0 && level > 0 && level < 1, "an interval needs resamples and a level between 0 and 1")
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
