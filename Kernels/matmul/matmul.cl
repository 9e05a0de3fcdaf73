// c = alpha · op(a) · op(b) + bias + beta · c, over a batch, tiled through local memory and registers.
//
// a [M, K] or [K, M], b [K, N] or [N, K], c [M, N].
// NDRange: dimension 0 tiles of columns, dimension 1 tiles of rows, dimension 2 the batch. A work-group of ITEMS
// computes TILE_M × TILE_N of c; see common/tile.cl.

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void matmul(
    IN(a), IN(b), IN(bias), OUT(c), const int m_count, const int n_count, const int k_count, const int transpose_a,
    const int transpose_b, const ulong a_batch, const ulong b_batch, const float alpha, const float beta) {
    TILE_MEMORY(a_tile, LEFT_WORDS);
    TILE_MEMORY(b_tile, RIGHT_WORDS);
    __local uint exchange[EXCHANGE_WORDS];
    ENTER(a);
    ENTER(b);
    ENTER(bias);
    ENTER(c);
    const ulong batch = get_group_id(2);
    a += batch * a_batch;
    b += batch * b_batch;
    c += batch * ((ulong)m_count * n_count);
    const int item = get_local_id(0);
    const int m_first = get_group_id(1) * TILE_M, n_first = get_group_id(0) * TILE_N;
    float sum[ITEM_SUMS];
    UNROLL
    for (int s = 0; s < ITEM_SUMS; s++) sum[s] = 0.0f;
    for (int k_first = 0; k_first < k_count; k_first += TILE_K) {
        for (int t = item; t < TILE_M * TILE_K; t += ITEMS) {
            // Neighbouring items read neighbouring elements.
            const int m = transpose_a ? t % TILE_M : t / TILE_K, k = transpose_a ? t / TILE_M : t % TILE_K;
            const int row = m_first + m, inner = k_first + k;
            const ulong at = transpose_a ? (ulong)inner * m_count + row : (ulong)row * k_count + inner;
            a_tile[LINE_M(k) + m] = row < m_count && inner < k_count ? TILE_VALUE(a[at]) : 0.0f;
        }
        for (int t = item; t < TILE_N * TILE_K; t += ITEMS) {
            const int n = transpose_b ? t / TILE_K : t % TILE_N, k = transpose_b ? t % TILE_K : t / TILE_N;
            const int column = n_first + n, inner = k_first + k;
            const ulong at = transpose_b ? (ulong)column * k_count + inner : (ulong)inner * n_count + column;
            b_tile[LINE_N(k) + n] = column < n_count && inner < k_count ? TILE_VALUE(b[at]) : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply_tiles(sum, a_tile, b_tile, item, exchange);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    UNROLL
    for (int s = 0; s < ITEM_SUMS; s++) {
        const int row = m_first + tile_row(item, s), column = n_first + tile_column(item, s);
        if (row >= m_count || column >= n_count) continue;
        const ulong at = (ulong)row * n_count + column;
        const float value = alpha * sum[s] + (bias ? bias[column] : 0.0f);
        c[at] = beta == 0.0f ? value : value + beta * c[at];
    }
}
