// matmul by vectors of four: the same product if the rows of both factors and of c have a length that is a multiple of
// 4, and every matrix is aligned for vectors. NDRange and arguments are the same as for matmul; TRANSPOSE_A and
// TRANSPOSE_B are compile-time constants. Vectors are loaded and stored as in conv3d_gemm_wide.

#ifndef TRANSPOSE_A
#define TRANSPOSE_A 0
#endif
#ifndef TRANSPOSE_B
#define TRANSPOSE_B 0
#endif

// The loads of a factor: vectors along its rows or columns if those are contiguous, else vectors of four steps of k.
#define ALONG_AT(i, extent) (item % ((extent) / 4) * 4)
#define ALONG_K(i, extent) ((item + (i)*ITEMS) / ((extent) / 4))
#define ACROSS_AT(i) ((item + (i)*ITEMS) / 4)
#define ACROSS_K (item % 4 * 4)

#define LOAD_ALONG(next, from, vectors, extent, first, count, k_first)                                                 \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(vectors); i++) {                                                                         \
        const int inner = (k_first) + ALONG_K(i, extent), line = (first) + ALONG_AT(i, extent);                        \
        next[i] = IS_LOAD(i, vectors) && inner < k_count && line < count                                               \
            ? from[(uint)inner * (uint)(count / 4) + line / 4]                                                         \
            : (float4)(0.0f);                                                                                          \
    }
#define LOAD_ACROSS(next, from, vectors, first, count, k_first)                                                        \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(vectors); i++) {                                                                         \
        const int inner = (k_first) + ACROSS_K, line = (first) + ACROSS_AT(i);                                         \
        next[i] = IS_LOAD(i, vectors) && inner < k_count && line < count                                               \
            ? from[(uint)line * (uint)(k_count / 4) + inner / 4]                                                       \
            : (float4)(0.0f);                                                                                          \
    }
#define STORE_ALONG(tile, LINE, next, vectors, extent)                                                                 \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(vectors); i++)                                                                           \
        if (IS_LOAD(i, vectors)) put_along((tile) + LINE(ALONG_K(i, extent)) + ALONG_AT(i, extent), next[i]);
#define STORE_ACROSS(tile, LINE, pitch, next, vectors)                                                                 \
    UNROLL                                                                                                             \
    for (int i = 0; i < LOADS(vectors); i++)                                                                           \
        if (IS_LOAD(i, vectors)) put_across((tile) + LINE(ACROSS_K) + ACROSS_AT(i), pitch, next[i]);

#if TRANSPOSE_A
#define LOAD_A(k_first) LOAD_ALONG(a_next, a4, LEFT_VECTORS, TILE_M, m_first, m_count, k_first)
#define STORE_A(half) STORE_ALONG(a_tile + (half)*LEFT_WORDS, LINE_M, a_next, LEFT_VECTORS, TILE_M)
#else
#define LOAD_A(k_first) LOAD_ACROSS(a_next, a4, LEFT_VECTORS, m_first, m_count, k_first)
#define STORE_A(half) STORE_ACROSS(a_tile + (half)*LEFT_WORDS, LINE_M, PITCH_M, a_next, LEFT_VECTORS)
#endif
#if TRANSPOSE_B
#define LOAD_B(k_first) LOAD_ACROSS(b_next, b4, RIGHT_VECTORS, n_first, n_count, k_first)
#define STORE_B(half) STORE_ACROSS(b_tile + (half)*RIGHT_WORDS, LINE_N, PITCH_N, b_next, RIGHT_VECTORS)
#else
#define LOAD_B(k_first) LOAD_ALONG(b_next, b4, RIGHT_VECTORS, TILE_N, n_first, n_count, k_first)
#define STORE_B(half) STORE_ALONG(b_tile + (half)*RIGHT_WORDS, LINE_N, b_next, RIGHT_VECTORS, TILE_N)
#endif

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void matmul_wide(
    IN(a), IN(b), IN(bias), OUT(c), const int m_count, const int n_count, const int k_count, const int transpose_a,
    const int transpose_b, const ulong a_batch, const ulong b_batch, const float alpha, const float beta) {
    TILE_MEMORY(a_tile, 2 * LEFT_WORDS);
    TILE_MEMORY(b_tile, 2 * RIGHT_WORDS);
    __local uint exchange[EXCHANGE_WORDS];
    ENTER(a);
    ENTER(b);
    ENTER(bias);
    ENTER(c);
    const ulong batch = get_group_id(2);
    __global const float4 *a4 = (__global const float4 *)(a + batch * a_batch);
    __global const float4 *b4 = (__global const float4 *)(b + batch * b_batch);
    c += batch * ((ulong)m_count * n_count);
    const int item = get_local_id(0);
    const int m_first = get_group_id(1) * TILE_M, n_first = get_group_id(0) * TILE_N;
    float sum[ITEM_SUMS];
    UNROLL
    for (int s = 0; s < ITEM_SUMS; s++) sum[s] = 0.0f;
    float4 a_next[LOADS(LEFT_VECTORS)], b_next[LOADS(RIGHT_VECTORS)];
    int half_now = 0;
    LOAD_A(0)
    LOAD_B(0)
    STORE_A(0)
    STORE_B(0)
    for (int k = 0; k < k_count; k += TILE_K) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (k + TILE_K < k_count) {
            LOAD_A(k + TILE_K)
            LOAD_B(k + TILE_K)
        }
        multiply_tiles(sum, a_tile + half_now * LEFT_WORDS, b_tile + half_now * RIGHT_WORDS, item, exchange);
        half_now ^= 1;
        STORE_A(half_now)
        STORE_B(half_now)
    }

    UNROLL
    for (int s = 0; s < ITEM_SUMS; s += SPAN) {
        const int row = m_first + tile_row(item, s), column = n_first + tile_column(item, s);
        if (row >= m_count || column >= n_count) continue;
        __global span_t *to = (__global span_t *)(c + (ulong)row * n_count + column);
        span_t value = alpha * SPAN_OF(sum, s);
        if (bias) value += *(__global const span_t *)(bias + column);
        *to = beta == 0.0f ? value : value + beta * *to;
    }
}
