// conv3d_weight_gemm by vectors of four: the same product if inputs and outputs of a group are multiples of 4 and the
// arrays are aligned for vectors. NDRange and arguments are the same as for conv3d_weight_gemm.
//
// An item's vectors of x belong to the same tap and the same four inputs in all steps. The origins of the rows of a
// step are computed two steps ahead and kept in local memory. Vectors are loaded and stored as in conv3d_gemm_wide.

#define ROW_VECTORS (TILE_M / 4)

// The position in a grid `step` rows after a position.
inline int4 advance(int4 at, const int4 step, const int4 grid) {
    at += step;
    at.y += at.z >= grid.z;
    at.z -= at.z >= grid.z ? grid.z : 0;
    at.x += at.y >= grid.y;
    at.y -= at.y >= grid.y ? grid.y : 0;
    at.w += at.x >= grid.x;
    at.x -= at.x >= grid.x ? grid.x : 0;
    return at;
}

#define LOAD(first, half)                                                                                              \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(LEFT_VECTORS); i++) {                                                                    \
        const int4 from = origin[half][item / ROW_VECTORS + i * (ITEMS / ROW_VECTORS)];                                \
        x_next[i] = is_near(from + delta, in_size) ? x4[(uint)(from.w + delta.w)] : (float4)(0.0f);                    \
    }                                                                                                                  \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(RIGHT_VECTORS); i++) {                                                                   \
        const int t = item + i * ITEMS, n = n_first + t % (TILE_N / 4) * 4;                                            \
        const uint from = (first) + t / (TILE_N / 4);                                                                  \
        dy_next[i] = IS_LOAD(i, RIGHT_VECTORS) && n < group_outputs && from < end                                      \
            ? dy4[from * (uint)(outputs / 4) + n / 4]                                                                  \
            : (float4)(0.0f);                                                                                          \
    }

#define STORE(half)                                                                                                    \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(LEFT_VECTORS); i++) {                                                                    \
        const int k = item / ROW_VECTORS + i * (ITEMS / ROW_VECTORS);                                                  \
        put_along(x_tile + (half)*LEFT_WORDS + LINE_M(k) + item % ROW_VECTORS * 4, x_next[i]);                         \
    }                                                                                                                  \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(RIGHT_VECTORS); i++) {                                                                   \
        const int t = item + i * ITEMS, k = t / (TILE_N / 4);                                                          \
        if (IS_LOAD(i, RIGHT_VECTORS))                                                                                 \
            put_along(dy_tile + (half)*RIGHT_WORDS + LINE_N(k) + t % (TILE_N / 4) * 4, dy_next[i]);                    \
    }

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void conv3d_weight_gemm_wide(
    IN(x), IN(upstream), OUT(partial), GATHER_ARGUMENTS, const int group_inputs, const int group_outputs,
    const uint rows, const int chunks, const uint chunk_rows) {
    TILE_MEMORY(x_tile, 2 * LEFT_WORDS);
    TILE_MEMORY(dy_tile, 2 * RIGHT_WORDS);
    __local uint exchange[EXCHANGE_WORDS];
    __local int4 origin[2][TILE_K], row_place[TILE_K];
    ENTER(x);
    ENTER(upstream);
    ENTER(partial);
    const int item = get_local_id(0);
    const int group = get_group_id(2) / chunks, chunk = get_group_id(2) % chunks;
    const int m_count = taps.w * group_inputs, outputs = out_size.w;
    const int m_first = get_group_id(0) * TILE_M, n_first = get_group_id(1) * TILE_N;
    const uint start = chunk * chunk_rows, end = min(rows, start + chunk_rows);
    __global const float4 *x4 = (__global const float4 *)(x + group * group_inputs);
    __global const float4 *dy4 = (__global const float4 *)(upstream + group * group_outputs);
    const int m_item = m_first + item % ROW_VECTORS * 4;
    int4 delta = step_to(tap_at(m_item / group_inputs, taps) * delta_step, in_size);
    delta.w += m_item % group_inputs / 4;
    if (m_item >= m_count) delta.x = FAR;

    const int4 step = unravel(TILE_K, grid);
    if (item < TILE_K) {
        int4 at = unravel(min(start + item, rows - 1), grid);
        for (int ahead = 0; ahead < 2; ahead++) {
            origin[ahead][item] = corner_of(at, start + ahead * TILE_K + item < end, in_step, delta_first, in_size);
            at = advance(at, step, grid);
        }
        row_place[item] = at;
    }
    barrier(CLK_LOCAL_MEM_FENCE);

    float sum[ITEM_SUMS];
    UNROLL
    for (int s = 0; s < ITEM_SUMS; s++) sum[s] = 0.0f;
    float4 x_next[LOADS(LEFT_VECTORS)], dy_next[LOADS(RIGHT_VECTORS)];
    int half_now = 0;
    if (start < end) {
        LOAD(start, 0)
        STORE(0)
    }
    for (uint row = start; row < end; row += TILE_K) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (row + TILE_K < end) {
            LOAD(row + TILE_K, half_now ^ 1)
            if (item < TILE_K) {
                const int4 at = row_place[item];
                origin[half_now][item] = corner_of(at, row + 2 * TILE_K + item < end, in_step, delta_first, in_size);
                row_place[item] = advance(at, step, grid);
            }
        }
        multiply_tiles(sum, x_tile + half_now * LEFT_WORDS, dy_tile + half_now * RIGHT_WORDS, item, exchange);
        half_now ^= 1;
        STORE(half_now)
    }

    UNROLL
    for (int s = 0; s < ITEM_SUMS; s += SPAN) {
        const int m = m_first + tile_row(item, s), n = n_first + tile_column(item, s);
        if (m >= m_count || n >= group_outputs) continue;
        __global float *to = partial + ((ulong)chunk * m_count + m) * outputs + group * group_outputs + n;
        *(__global span_t *)to = SPAN_OF(sum, s);
    }
}
