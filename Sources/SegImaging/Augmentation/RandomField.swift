internal import Foundation

/// Independent random numbers addressed by index: SplitMix64 (Steele, Lea and Flood 2014), one sequence per seed.
struct RandomField {
    let seed: UInt64

    /// 64 random bits.
    @inline(__always)
    private func bits(_ index: Int) -> UInt64 {
        var z = seed &+ UInt64(truncatingIfNeeded: index &+ 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// Numbers from -1 to 1, uniformly distributed.
    func uniform(_ count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { output, written in
            for index in 0..<count {
                output[index] = Float(Int32(truncatingIfNeeded: bits(index) >> 32)) * 0x1p-31
            }
            written = count
        }
    }

    /// Adds normal random numbers of mean 0 and standard deviation `deviation`; the Box-Muller method makes them in
    /// pairs.
    func addNormal(to voxels: UnsafeMutableBufferPointer<Float>, deviation: Float) {
        for pair in 0..<(voxels.count + 1) / 2 {
            let bits = bits(pair)
            // At least 2⁻²⁴, because the logarithm of 0 is infinite.
            let first = (Float(bits >> 40) + 1) * 0x1p-24
            let angle = Float(bits & 0xFF_FFFF) * (0x1p-24 * 2 * Float.pi)
            let length = deviation * (-2 * log(first)).squareRoot()
            voxels[2 * pair] += length * cos(angle)
            if 2 * pair + 1 < voxels.count { voxels[2 * pair + 1] += length * sin(angle) }
        }
    }
}
