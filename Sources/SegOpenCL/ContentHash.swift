/// SHA-256 (FIPS 180-4): names compiled programs by what they were made of.
package struct ContentHash {
    /// The digest of bytes as 64 hexadecimal digits.
    package static func hex(_ bytes: [UInt8]) -> String {
        digest(bytes).map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 8 - text.count) + text
        }.joined()
    }

    /// The digest of bytes as eight words.
    static func digest(_ bytes: [UInt8]) -> [UInt32] {
        var message = bytes + [0x80]
        message += [UInt8](repeating: 0, count: (120 - message.count % 64) % 64)
        message += (0..<8).map { UInt8(truncatingIfNeeded: UInt64(bytes.count) * 8 >> (56 - 8 * UInt64($0))) }
        var state = initial
        for start in stride(from: 0, to: message.count, by: 64) { absorb(message[start..<start + 64], &state) }
        return state
    }

    private static func absorb(_ block: ArraySlice<UInt8>, _ state: inout [UInt32]) {
        let at = block.startIndex
        var words = (0..<16).map { i in
            (0..<4).reduce(UInt32(0)) { $0 << 8 | UInt32(block[at + 4 * i + $1]) }
        }
        for i in 16..<64 {
            let (a, b) = (words[i - 15], words[i - 2])
            let first = rotate(a, 7) ^ rotate(a, 18) ^ a >> 3
            let second = rotate(b, 17) ^ rotate(b, 19) ^ b >> 10
            words.append(words[i - 16] &+ first &+ words[i - 7] &+ second)
        }
        var v = state
        for i in 0..<64 {
            let sum = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)
            let choice = v[4] & v[5] ^ ~v[4] & v[6]
            let first = v[7] &+ sum &+ choice &+ constants[i] &+ words[i]
            let majority = v[0] & v[1] ^ v[0] & v[2] ^ v[1] & v[2]
            let second = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) &+ majority
            v = [first &+ second, v[0], v[1], v[2], v[3] &+ first, v[4], v[5], v[6]]
        }
        for i in 0..<8 { state[i] = state[i] &+ v[i] }
    }

    private static func rotate(_ x: UInt32, _ by: UInt32) -> UInt32 { x >> by | x << (32 - by) }

    private static let primes: [Int] = (2...311).filter { n in !(2..<n).contains { n % $0 == 0 } }

    /// First 32 bits of the fractional parts of the primes' square roots.
    private static let initial = primes.prefix(8).map { fraction(root: $0, power: 2) }

    /// First 32 bits of the fractional parts of the primes' cube roots.
    private static let constants = primes.map { fraction(root: $0, power: 3) }

    /// The largest r with rᵏ ≤ n · 2³²ᵏ, without its whole part.
    private static func fraction(root n: Int, power: Int) -> UInt32 {
        var (low, high) = (UInt64(0), UInt64(1) << 37)
        while high - low > 1 {
            let middle = (low + high) / 2
            if isPower(middle, power, atMost: n) { low = middle } else { high = middle }
        }
        return UInt32(truncatingIfNeeded: low)
    }

    private static func isPower(_ root: UInt64, _ power: Int, atMost n: Int) -> Bool {
        // root³ needs up to 111 bits.
        let value = (1..<power).reduce(UInt128(root)) { product, _ in product * UInt128(root) }
        return value <= UInt128(n) << UInt128(32 * power)
    }
}
