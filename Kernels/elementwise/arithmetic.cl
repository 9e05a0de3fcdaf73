// Pointwise arithmetic.
// NDRange: dimension 0, an item an element.

#define ADD 0
#define SUBTRACT 1
#define MULTIPLY 2

// y = a ∘ b, where b repeats with a period.
__kernel void binary(IN(a), IN(b), OUT(y), const ulong count, const ulong period, const int op)
{
    ENTER(a);
    ENTER(b);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const float left = a[i], right = b[period == count ? i : i % period];
    y[i] = op == ADD ? left + right : op == SUBTRACT ? left - right : op == MULTIPLY ? left * right : left / right;
}

// y = alpha · x + beta · y, without reading y where beta is 0.
__kernel void scale(IN(x), OUT(y), const ulong count, const float alpha, const float beta)
{
    ENTER(x);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    y[i] = beta == 0.0f ? alpha * x[i] : alpha * x[i] + beta * y[i];
}

// y = x · mask / (1 − p). Four elements an item: one draw of the generator makes four words.
__kernel void dropout(
    IN(x), OUT(y), const ulong count, const ulong sample, const uint channels, const int accumulate,
    DROPOUT_ARGUMENTS)
{
    ENTER(x);
    ENTER(y);
    const ulong first = get_global_id(0) * 4;
    if (first >= count) return;
    const uint4 words = philox(
        (uint4)((uint)(first / 4), (uint)((first / 4) >> 32), layer, pass), (uint2)(seed_low, seed_high));
    const uint word[4] = {words.x, words.y, words.z, words.w};
    for (uint j = 0; j < 4 && first + j < count; j++) {
        const ulong i = first + j;
        const float factor =
            dropout_mode == 1
                ? (word[j] >= threshold ? keep_scale : 0.0f)
                : dropout_factor(i / sample * channels + i % channels, DROPOUT_STREAM, threshold, keep_scale);
        // A dropped NaN or infinity is 0, as what is not computed.
        put(y, i, factor == 0.0f ? 0.0f : x[i] * factor, accumulate);
    }
}
