// conv3d_gemm by vectors of four: the same product if the inputs of a group are a multiple of TILE_K, the outputs of a
// group a multiple of 4, and the arrays aligned for vectors. NDRange and arguments are the same as for conv3d_gemm.
//
// A step along k is within one tap, so the offsets of an item's rows in x are computed once per tap. The vectors of the
// next step are loaded into registers while a step is multiplied, and then stored in the other half of a double buffer,
// so a step has one barrier. After the last step the vectors are stored once more, although nothing reads them. A
// branch would avoid this, but LLVM would move the multiplications into the branch and keep all their operands in
// registers.

#define OUTSIDE 0xFFFFFFFFu

// Computes the offsets of an item's loads of x: a quarter of TILE_K inputs of the rows item / 4 + i · ITEMS / 4.
#define FIND_ROWS                                                                                                      \
    way = step_to(tap * delta_step, in_size);                                                                          \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(LEFT_VECTORS); i++) {                                                                    \
        const int4 place = corner[item / 4 + i * (ITEMS / 4)] + way;                                                   \
        row_at[i] = is_near(place, in_size) ? (uint)place.w + item % 4 : OUTSIDE;                                      \
    }                                                                                                                  \
    w_at = tap_in_window(tap, tap_first, tap_step, window) * group_inputs * w_pitch;

#define LOAD                                                                                                           \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(LEFT_VECTORS); i++)                                                                      \
        x_next[i] = row_at[i] != OUTSIDE ? x4[row_at[i] + input / 4] : (float4)(0.0f);                                 \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(RIGHT_VECTORS); i++) {                                                                   \
        const int t = item + i * ITEMS, n = t % (TILE_N / 4) * 4;                                                      \
        w_next[i] = IS_LOAD(i, RIGHT_VECTORS) && n_first + n < group_outputs                                           \
            ? WEIGHTS4(packed, w_at + (input + t / (TILE_N / 4)) * w_pitch + n / 4)                                    \
            : (float4)(0.0f);                                                                                          \
    }

#define STORE(half)                                                                                                    \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(LEFT_VECTORS); i++)                                                                      \
        put_across(                                                                                                    \
            x_tile + (half)*LEFT_WORDS + LINE_M(item % 4 * 4) + item / 4 + i * (ITEMS / 4), PITCH_M, x_next[i]);       \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(RIGHT_VECTORS); i++) {                                                                   \
        const int t = item + i * ITEMS, inner = t / (TILE_N / 4);                                                      \
        if (IS_LOAD(i, RIGHT_VECTORS))                                                                                 \
            put_along(w_tile + (half)*RIGHT_WORDS + LINE_N(inner) + t % (TILE_N / 4) * 4, w_next[i]);                  \
    }

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void conv3d_gemm_wide(
    IN(x), PACKED(packed), IN(bias), OUT(y), GATHER_ARGUMENTS, const int group_inputs, const int group_outputs,
    const uint rows, const int splits, const int split_k, const int accumulate) {
    TILE_MEMORY(x_tile, 2 * LEFT_WORDS);
    TILE_MEMORY(w_tile, 2 * RIGHT_WORDS);
    __local uint exchange[EXCHANGE_WORDS];
    __local int4 corner[TILE_M];
    __local uint target[TILE_M];
    ENTER(x);
    ENTER(packed);
    ENTER(bias);
    ENTER(y);
    const int item = get_local_id(0);
    const int group = get_group_id(2) / splits, split = get_group_id(2) % splits;
    const int k_start = split * split_k, k_end = min(taps.w * group_inputs, k_start + split_k);
    const int n_first = get_group_id(1) * TILE_N, outputs = out_size.w;
    const uint m_first = get_group_id(0) * TILE_M, w_pitch = outputs / 4;
    __global const float4 *x4 = (__global const float4 *)(x + group * group_inputs);
    packed += group * group_outputs + n_first;
    for (int m = item; m < TILE_M; m += ITEMS) {
        const uint row = m_first + m;
        const int4 at = unravel(min(row, rows - 1), grid);
        corner[m] = corner_of(at, row < rows, in_step, delta_first, in_size);
        target[m] = splits > 1 ? split * rows + row
                               : (uint)vector_of((int4)(out_first.xyz + at.xyz * out_step.xyz, at.w), out_size);
    }
    barrier(CLK_LOCAL_MEM_FENCE);

    float sum[ITEM_SUMS];
    UNROLL
    for (int s = 0; s < ITEM_SUMS; s++) sum[s] = 0.0f;
    float4 x_next[LOADS(LEFT_VECTORS)], w_next[LOADS(RIGHT_VECTORS)];
    uint row_at[LOADS(LEFT_VECTORS)], w_at;
    int4 tap = tap_at(k_start / group_inputs, taps), way;
    int input = k_start % group_inputs, half_now = 0;
    if (k_start < k_end) {
        FIND_ROWS
        LOAD STORE(0)
    }
    for (int k = k_start; k < k_end; k += TILE_K) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (k + TILE_K < k_end) {
            input += TILE_K;
            if (input == group_inputs) {
                input = 0;
                tap.z++;
                tap.y += tap.z == taps.z;
                tap.z = tap.z == taps.z ? 0 : tap.z;
                tap.x += tap.y == taps.y;
                tap.y = tap.y == taps.y ? 0 : tap.y;
                FIND_ROWS
            }
            LOAD
        }
        multiply_tiles(sum, x_tile + half_now * LEFT_WORDS, w_tile + half_now * RIGHT_WORDS, item, exchange);
        half_now ^= 1;
        STORE(half_now)
    }

    UNROLL
    for (int s = 0; s < ITEM_SUMS; s += SPAN) {
        const int m = tile_row(item, s), n = n_first + tile_column(item, s), output = group * group_outputs + n;
        if (m_first + m >= rows || n >= group_outputs) continue;
        __global span_t *to = (__global span_t *)(y + (ulong)target[m] * outputs + output);
        span_t value = SPAN_OF(sum, s);
        if (splits == 1 && bias) value += *(__global const span_t *)(bias + output);
        *to = splits == 1 && accumulate ? *to + value : value;
    }
}
