// Activations that do not follow a normalisation.

// NDRange: dimension 0, one item per element. If `slopes` (1, or one per channel) are given, they replace `parameter`.
__kernel void activate(
    IN(x), IN(slopes), OUT(y), const ulong count, const uint slope_count, const int kind, const float parameter) {
    ENTER(x);
    ENTER(slopes);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const float slope = slopes ? slopes[slope_count == 1 ? 0 : i % slope_count] : parameter;
    y[i] = activation(kind, x[i], slope);
}

__kernel void activate_backward(
    IN(x), IN(upstream), IN(slopes), OUT(gx), const ulong count, const uint slope_count, const int kind,
    const float parameter, const int accumulate) {
    ENTER(x);
    ENTER(upstream);
    ENTER(slopes);
    ENTER(gx);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const float slope = slopes ? slopes[slope_count == 1 ? 0 : i % slope_count] : parameter;
    put(gx, i, upstream[i] * activation_slope(kind, x[i], slope), accumulate);
}

// Computes part of PReLU's slope gradient: Σ upstream · x over x ≤ 0 of each column and chunk, partial [chunks,
// channels].
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void prelu_slope_sums(
    IN(x), IN(upstream), OUT(partial), const uint channels, const uint rows, const uint chunk_rows) {
    ENTER(x);
    ENTER(upstream);
    ENTER(partial);
    __local float lane[GROUP];
    const columns_t c = columns_of_item(channels, rows, chunk_rows);
    float sum = 0.0f;
    if (c.active)
        for (uint row = c.first; row < c.end; row += c.subs) {
            const ulong i = (ulong)row * channels + c.column;
            if (!(x[i] > 0.0f)) sum += upstream[i] * x[i];
        }
    sum = sum_over_subs(lane, sum, c);
    if (c.active && c.sub == 0) partial[(ulong)c.chunk * channels + c.column] = sum;
}
