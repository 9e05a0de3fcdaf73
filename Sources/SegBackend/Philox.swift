/// Philox4x32 with ten rounds: four random words from a 128-bit counter and a 64-bit key.
///
/// The generator is counter based: the random numbers of any element are computed without those of other elements, and
/// are the same on every backend. Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
public enum Philox4x32 {
    /// Four 32-bit words.
    public typealias Words = (UInt32, UInt32, UInt32, UInt32)

    /// The four words for a counter and a key.
    public static func words(counter: Words, key: (UInt32, UInt32)) -> Words {
        var c = counter
        var k = key
        for round in 0..<10 {
            if round > 0 { k = (k.0 &+ 0x9E37_79B9, k.1 &+ 0xBB67_AE85) }
            let a = UInt64(0xD251_1F53) * UInt64(c.0)
            let b = UInt64(0xCD9E_8D57) * UInt64(c.2)
            c = (
                UInt32(b >> 32) ^ c.1 ^ k.0, UInt32(truncatingIfNeeded: b),
                UInt32(a >> 32) ^ c.3 ^ k.1, UInt32(truncatingIfNeeded: a)
            )
        }
        return c
    }
}
