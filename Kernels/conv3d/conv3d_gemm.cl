// A convolution as a matrix product whose unfolded input is never stored: y [rows, outputs] = gather(x) · packed, where
// the inner axis k runs over taps and the inputs of a group.
//
// NDRange: dimension 0 tiles of rows, dimension 1 tiles of a group's outputs, dimension 2 groups × splits of k. A
// work-group computes TILE_M × TILE_N outputs; see common/tile.cl. With more than one split, y is [splits, rows,
// outputs], and conv3d_finish computes the sum.

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void conv3d_gemm(
    IN(x), PACKED(packed), IN(bias), OUT(y), GATHER_ARGUMENTS, const int group_inputs, const int group_outputs,
    const uint rows, const int splits, const int split_k, const int accumulate) {
    TILE_MEMORY(x_tile, LEFT_WORDS);
    TILE_MEMORY(w_tile, RIGHT_WORDS);
    __local uint exchange[EXCHANGE_WORDS];
    __local int4 origin[TILE_M];
    __local uint target[TILE_M];
    __local int packed_row[TILE_K];
    ENTER(x);
    ENTER(packed);
    ENTER(bias);
    ENTER(y);
    const int item = get_local_id(0);
    const int group = get_group_id(2) / splits, split = get_group_id(2) % splits;
    const int k_count = taps.w * group_inputs, k_start = split * split_k, k_end = min(k_count, k_start + split_k);
    const int n_first = get_group_id(1) * TILE_N, outputs = out_size.w;
    const uint m_first = get_group_id(0) * TILE_M;
    x += group * group_inputs;
    packed += group * group_outputs;
    for (int m = item; m < TILE_M; m += ITEMS) {
        const uint row = m_first + m;
        const int4 at = unravel(min(row, rows - 1), grid);
        origin[m] = (int4)(at.xyz * in_step.xyz, row < rows ? at.w : -1) + delta_first;
        target[m] = splits > 1 ? split * rows + row
                               : (uint)vector_of((int4)(out_first.xyz + at.xyz * out_step.xyz, at.w), out_size);
    }
    const int k_item = item % TILE_K;
    int k = k_start + k_item;
    int4 tap = tap_at(k / group_inputs, taps);
    if (item < TILE_K)
        packed_row[item] = tap_in_window(tap, tap_first, tap_step, window) * group_inputs + k % group_inputs;
    barrier(CLK_LOCAL_MEM_FENCE);

    float sum[ITEM_SUMS];
    UNROLL
    for (int s = 0; s < ITEM_SUMS; s++) sum[s] = 0.0f;
    for (int k_first = k_start; k_first < k_end; k_first += TILE_K) {
        const int4 delta = tap * delta_step;
        const int input = k % group_inputs;
        for (int m = item / TILE_K; m < TILE_M; m += ITEMS / TILE_K) {
            const int4 place = origin[m] + delta;
            x_tile[LINE_M(k_item) + m] = k < k_end && is_inside(place, in_size)
                ? TILE_VALUE(x[vector_of(place, in_size) * in_size.w + input])
                : 0.0f;
        }
        for (int t = item; t < TILE_K * TILE_N; t += ITEMS) {
            const int n = n_first + t % TILE_N, inner = t / TILE_N;
            w_tile[LINE_N(inner) + t % TILE_N] = n < group_outputs && k_first + inner < k_end
                ? TILE_VALUE(WEIGHT(packed, (ulong)packed_row[inner] * outputs + n))
                : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        k += TILE_K;
        tap = tap_at(k / group_inputs, taps);
        if (item < TILE_K)
            packed_row[item] = tap_in_window(tap, tap_first, tap_step, window) * group_inputs + k % group_inputs;
        multiply_tiles(sum, x_tile, w_tile, item, exchange);
        barrier(CLK_LOCAL_MEM_FENCE);
    }

    UNROLL
    for (int s = 0; s < ITEM_SUMS; s++) {
        const int m = tile_row(item, s), n = n_first + tile_column(item, s), output = group * group_outputs + n;
        if (m_first + m >= rows || n >= group_outputs) continue;
        const float value = splits == 1 && bias ? sum[s] + bias[output] : sum[s];
        put(y, (ulong)target[m] * outputs + output, value, splits == 1 && accumulate);
    }
}

// Sums the splits of conv3d_gemm, adds the bias and writes y. NDRange: dimension 0, one item per output.
__kernel void conv3d_finish(
    IN(partial), IN(bias), OUT(y), GATHER_ARGUMENTS, const ulong count, const int splits, const int accumulate) {
    ENTER(partial);
    ENTER(bias);
    ENTER(y);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const int outputs = out_size.w, output = (int)(i % outputs);
    float sum = bias ? bias[output] : 0.0f;
    for (int split = 0; split < splits; split++) sum += partial[split * count + i];
    const int4 at = unravel((uint)(i / outputs), grid);
    const int4 target = (int4)(out_first.xyz + at.xyz * out_step.xyz, at.w);
    put(y, vector_of(target, out_size) * outputs + output, sum, accumulate);
}
