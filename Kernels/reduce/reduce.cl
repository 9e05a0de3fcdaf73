// Reduces the middle axis of [outer, rows, channels].

#define MAXIMUM 1

// The result of each chunk of rows, times `factor`: y [outer, chunks, channels].
// NDRange: columns (see common/reduce.cl).
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void reduce(
    IN(x), OUT(y), const uint channels, const uint rows, const uint chunk_rows, const int op, const float factor,
    const int accumulate) {
    ENTER(x);
    ENTER(y);
    __local float lane[GROUP];
    const columns_t c = columns_of_item(channels, rows, chunk_rows);
    float result = op == MAXIMUM ? -INFINITY : 0.0f;
    if (c.active)
        for (uint row = c.first; row < c.end; row += c.subs) {
            const float value = x[((ulong)c.outer * rows + row) * channels + c.column];
            result = op == MAXIMUM ? larger(result, value) : result + value;
        }
    result = op == MAXIMUM ? max_over_subs(lane, result, c) : sum_over_subs(lane, result, c);
    if (c.active && c.sub == 0)
        put(y, ((ulong)c.outer * c.chunks + c.chunk) * channels + c.column, factor * result, accumulate);
}
