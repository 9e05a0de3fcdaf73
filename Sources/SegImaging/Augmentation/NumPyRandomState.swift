/// NumPy's `RandomState`: the Mersenne Twister MT19937 with the legacy distributions, bit for bit.
public struct NumPyRandomState: Hashable, Sendable {
    private var words: [UInt32]
    private var next: Int

    private static let length = 624
    private static let middle = 397

    /// The generator of `RandomState(seed)`.
    public init(seed: UInt32) {
        words = [UInt32](repeating: 0, count: Self.length)
        words[0] = seed
        for index in 1..<Self.length {
            let previous = words[index - 1]
            words[index] = 1_812_433_253 &* (previous ^ (previous >> 30)) &+ UInt32(index)
        }
        next = Self.length
    }

    /// 32 random bits.
    public mutating func nextUInt32() -> UInt32 {
        if next == Self.length { refill() }
        var word = words[next]
        next += 1
        word ^= word >> 11
        word ^= (word << 7) & 0x9d2c_5680
        word ^= (word << 15) & 0xefc6_0000
        return word ^ (word >> 18)
    }

    private mutating func refill() {
        for index in 0..<Self.length {
            let joined =
                (words[index] & 0x8000_0000) | (words[(index + 1) % Self.length] & 0x7fff_ffff)
            let twist: UInt32 = joined & 1 == 0 ? 0 : 0x9908_b0df
            words[index] = words[(index + Self.middle) % Self.length] ^ (joined >> 1) ^ twist
        }
        next = 0
    }

    /// Draws a number in [0, 1) with 53 random bits; `rand()`.
    public mutating func rand() -> Double {
        let high = Double(nextUInt32() >> 5)
        let low = Double(nextUInt32() >> 6)
        return (high * 0x1p26 + low) / 0x1p53
    }

    /// Draws a number in [low, high); `uniform(low, high)`.
    public mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * rand() }

    /// Draws an integer in 0..<count by masked rejection; `randint(count)`.
    ///
    /// A count of 1 uses no random bits.
    public mutating func randint(_ count: Int) -> Int {
        precondition(count > 0, "randint needs at least one outcome")
        let largest = UInt64(count - 1)
        guard largest > 0 else { return 0 }
        let mask = UInt64.max >> UInt64(largest.leadingZeroBitCount)
        while true {
            let value = largest <= UInt64(UInt32.max) ? UInt64(nextUInt32()) : nextUInt64()
            if value & mask <= largest { return Int(value & mask) }
        }
    }

    /// Draws a factor that is below or above 1 with equal probability; nnU-Net's draw of contrast, brightness and
    /// gamma.
    public mutating func factor(_ range: ClosedRange<Double>) -> Double {
        let isBelow = rand() < 0.5
        guard range.contains(1) else { return uniform(range.lowerBound, range.upperBound) }
        return isBelow && range.lowerBound < 1 ? uniform(range.lowerBound, 1) : uniform(1, range.upperBound)
    }

    /// 64 random bits; the first 32 drawn are the high ones.
    public mutating func nextUInt64() -> UInt64 {
        let high = UInt64(nextUInt32())
        return high << 32 | UInt64(nextUInt32())
    }
}
