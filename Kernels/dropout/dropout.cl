// y = x · mask / (1 − p).
// NDRange: dimension 0, one item per four elements, because one draw of the generator gives four words.
__kernel void dropout(
    IN(x), OUT(y), const ulong count, const ulong sample, const uint channels, const int accumulate,
    DROPOUT_ARGUMENTS) {
    ENTER(x);
    ENTER(y);
    const ulong first = get_global_id(0) * 4;
    if (first >= count) return;
    const uint4 words =
        philox((uint4)((uint)(first / 4), (uint)((first / 4) >> 32), layer, pass), (uint2)(seed_low, seed_high));
    const uint word[4] = {words.x, words.y, words.z, words.w};
    for (uint j = 0; j < 4 && first + j < count; j++) {
        const ulong i = first + j;
        const float factor = dropout_mode == 1
            ? (word[j] >= threshold ? keep_scale : 0.0f)
            : dropout_factor(i / sample * channels + i % channels, DROPOUT_STREAM, threshold, keep_scale);
        // A dropped NaN or infinity becomes 0.
        put(y, i, factor == 0.0f ? 0.0f : x[i] * factor, accumulate);
    }
}
