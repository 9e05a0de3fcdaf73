/// The random numbers of a phantom: xoshiro256++ seeded by SplitMix64 from a seed and a case index.
///
/// Blackman and Vigna, Scrambled Linear Pseudorandom Number Generators, 2021.
struct PhantomRandom {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    init(seed: UInt64, index: Int) {
        var mixer = seed &+ UInt64(truncatingIfNeeded: index) &* 0xD1B5_4A32_D192_ED03
        func next() -> UInt64 {
            mixer &+= 0x9E37_79B9_7F4A_7C15
            var z = mixer
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        state = (next(), next(), next(), next())
    }

    mutating func bits() -> UInt64 {
        let sum = state.0 &+ state.3
        let result = (sum << 23 | sum >> 41) &+ state.0
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = state.3 << 45 | state.3 >> 19
        return result
    }

    /// A uniform random number between two limits.
    mutating func uniform(_ low: Double, _ high: Double) -> Double {
        low + (high - low) * (Double(bits() >> 11) * 0x1p-53)
    }

    /// A uniform random number in a range.
    mutating func uniform(_ range: ClosedRange<Double>) -> Double { uniform(range.lowerBound, range.upperBound) }

    /// A random integer from 0 to below a limit.
    mutating func below(_ limit: Int) -> Int { Int(bits() % UInt64(limit)) }

    /// True with the given probability.
    mutating func chance(_ probability: Double) -> Bool { uniform(0, 1) < probability }

    /// A nearly normal random number, mean 0 and standard deviation 1: the sum of four uniform 16-bit numbers, cheap
    /// enough for each voxel.
    mutating func nearlyNormal() -> Float {
        let b = bits()
        let sum = (b & 0xFFFF) + (b >> 16 & 0xFFFF) + (b >> 32 & 0xFFFF) + (b >> 48)
        return (Float(sum) - 131_070) * (1 / 37_837.23)
    }

    /// A unit vector of random direction.
    mutating func direction() -> SIMD3<Double> {
        while true {
            let v = SIMD3(uniform(-1, 1), uniform(-1, 1), uniform(-1, 1))
            let square = (v * v).sum()
            if square > 0.01 && square <= 1 { return v / square.squareRoot() }
        }
    }
}
