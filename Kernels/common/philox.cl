// Philox4x32 with ten rounds (Salmon et al. 2011), which gives the same words as SegBackend/Philox.swift, and dropout
// with these words.

inline uint4 philox(uint4 c, uint2 k) {
    for (int round = 0; round < 10; round++) {
        if (round > 0) k += (uint2)(0x9E3779B9u, 0xBB67AE85u);
        const uint high_a = mul_hi(0xD2511F53u, c.x), low_a = 0xD2511F53u * c.x;
        const uint high_b = mul_hi(0xCD9E8D57u, c.z), low_b = 0xCD9E8D57u * c.z;
        c = (uint4)(high_b ^ c.y ^ k.x, low_b, high_a ^ c.w ^ k.y, low_a);
    }
    return c;
}

// The factor of element `e`: 0 or `scale`. `stream` is key low, key high, layer, pass.
inline float dropout_factor(const ulong e, const uint4 stream, const uint threshold, const float scale) {
    const ulong block = e / 4;
    const uint4 words = philox((uint4)((uint)block, (uint)(block >> 32), stream.z, stream.w), stream.xy);
    const uint lane = (uint)(e % 4);
    const uint word = lane < 2 ? (lane == 0 ? words.x : words.y) : (lane == 2 ? words.z : words.w);
    return word >= threshold ? scale : 0.0f;
}

// The arguments of a dropout; `dropout_mode` is 0 for none, 1 for elements, 2 for whole channels of a sample.
#define DROPOUT_ARGUMENTS                                                                                              \
    const int dropout_mode, const uint seed_low, const uint seed_high, const uint layer, const uint pass,              \
        const uint threshold, const float keep_scale
#define DROPOUT_STREAM ((uint4)(seed_low, seed_high, layer, pass))
