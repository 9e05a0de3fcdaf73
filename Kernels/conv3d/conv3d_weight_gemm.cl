// The gradient of a convolution's weight as a matrix product: gw [taps · inputs of a group, outputs] = gather(x)ᵀ ·
// upstream, summed over rows in chunks: partial [chunks, taps, inputs of a group, outputs].
//
// NDRange: dimension 0 tiles of taps and inputs, dimension 1 tiles of a group's outputs, dimension 2 groups × chunks.
// The tiles are described in common/tile.cl; the inner axis k runs over the rows of a chunk.

// The position in x where the taps of a row begin, with sample −1 for rows after the last one.
inline int4 origin_of(const uint row, const uint end, const int4 grid, const int4 in_step, const int4 delta_first) {
    const int4 at = unravel(min(row, end - 1), grid);
    return (int4)(at.xyz * in_step.xyz, row < end ? at.w : -1) + delta_first;
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void conv3d_weight_gemm(
    IN(x), IN(upstream), OUT(partial), GATHER_ARGUMENTS, const int group_inputs, const int group_outputs,
    const uint rows, const int chunks, const uint chunk_rows) {
    TILE_MEMORY(x_tile, LEFT_WORDS);
    TILE_MEMORY(dy_tile, RIGHT_WORDS);
    __local uint exchange[EXCHANGE_WORDS];
    __local int4 origin[TILE_K], delta[TILE_M];
    __local int input[TILE_M];
    ENTER(x);
    ENTER(upstream);
    ENTER(partial);
    const int item = get_local_id(0);
    const int group = get_group_id(2) / chunks, chunk = get_group_id(2) % chunks;
    const int m_count = taps.w * group_inputs, outputs = out_size.w;
    const int m_first = get_group_id(0) * TILE_M, n_first = get_group_id(1) * TILE_N;
    const uint start = chunk * chunk_rows, end = min(rows, start + chunk_rows);
    x += group * group_inputs;
    upstream += group * group_outputs;
    for (int m = item; m < TILE_M; m += ITEMS) {
        const int weight = m_first + m;
        delta[m] = tap_at(weight / group_inputs, taps) * delta_step;
        input[m] = weight < m_count ? weight % group_inputs : -1;
    }
    if (item < TILE_K) origin[item] = origin_of(start + item, end, grid, in_step, delta_first);
    barrier(CLK_LOCAL_MEM_FENCE);

    float sum[ITEM_SUMS];
    UNROLL
    for (int s = 0; s < ITEM_SUMS; s++) sum[s] = 0.0f;
    for (uint row = start; row < end; row += TILE_K) {
        for (int t = item; t < TILE_K * TILE_M; t += ITEMS) {
            const int m = t % TILE_M, k = t / TILE_M;
            const int4 place = origin[k] + delta[m];
            x_tile[LINE_M(k) + m] = input[m] >= 0 && is_inside(place, in_size)
                ? TILE_VALUE(x[vector_of(place, in_size) * in_size.w + input[m]])
                : 0.0f;
        }
        for (int t = item; t < TILE_K * TILE_N; t += ITEMS) {
            const int n = n_first + t % TILE_N, k = t / TILE_N;
            dy_tile[LINE_N(k) + t % TILE_N] =
                n < group_outputs && row + k < end ? TILE_VALUE(upstream[(ulong)(row + k) * outputs + n]) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item < TILE_K) origin[item] = origin_of(row + TILE_K + item, end, grid, in_step, delta_first);
        multiply_tiles(sum, x_tile, dy_tile, item, exchange);
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    UNROLL
    for (int s = 0; s < ITEM_SUMS; s++) {
        const int m = m_first + tile_row(item, s), n = n_first + tile_column(item, s);
        if (m < m_count && n < group_outputs)
            partial[((ulong)chunk * m_count + m) * outputs + group * group_outputs + n] = sum[s];
    }
}
