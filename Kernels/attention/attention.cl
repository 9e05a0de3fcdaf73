// softmax(q · kᵀ · scale) · v for each head and its gradients, without the T × T matrix.
//
// q, k, v, y are [N, T, heads, EXTENT], log_sum_exp is [N, heads, T]. A work-group computes BLOCK tokens of one head
// and loops over blocks of all tokens, with a running maximum and sum: Dao et al. 2022, "FlashAttention", algorithms 1
// and 2.
//
// NDRange: dimension 0 blocks of tokens, dimension 1 heads, dimension 2 the batch. LANES items share a token.
//
// PART selects the one kernel that is compiled, because some OpenCL implementations count the local memory of the whole
// program, not of each kernel.

#define FORWARD 0
#define CENTRES 1
#define BACKWARD_Q 2
#define BACKWARD_KV 3
#ifndef PART
#define PART FORWARD
#endif

#ifndef EXTENT
#define EXTENT 64
#endif
#ifndef BLOCK
#define BLOCK 32
#endif
#define LANES (GROUP / BLOCK)
#define OWN ((EXTENT + LANES - 1) / LANES)

#define HEAD_SETUP                                                                                                     \
    const int item = get_local_id(0), row = item / LANES, lane = item % LANES;                                         \
    const int heads = get_num_groups(1), pitch = heads * EXTENT, first = get_group_id(0) * BLOCK;                      \
    const ulong head = ((ulong)get_group_id(2) * tokens * heads + get_group_id(1)) * EXTENT;                           \
    const ulong line = ((ulong)get_group_id(2) * heads + get_group_id(1)) * tokens;                                    \
    const int own = first + row;

// Copies the rows of BLOCK tokens to local memory, with zeros after the last token.
inline void load_block(
    __local float *tile, __global const float *x, const int first, const int tokens, const int pitch) {
    for (int t = get_local_id(0); t < BLOCK * EXTENT; t += GROUP) {
        const int token = first + t / EXTENT;
        tile[t] = token < tokens ? x[(ulong)token * pitch + t % EXTENT] : 0.0f;
    }
}

inline float dot_of(__local const float *a, __local const float *b) {
    float sum = 0.0f;
    for (int e = 0; e < EXTENT; e++) sum += a[e] * b[e];
    return sum;
}

#if PART == FORWARD

__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention(
    IN(q), IN(k), IN(v), OUT(y), OUT(log_sum_exp), const int tokens, const float scale) {
    __local float q_tile[BLOCK * EXTENT], tile[BLOCK * EXTENT], score[BLOCK * BLOCK];
    ENTER(q);
    ENTER(k);
    ENTER(v);
    ENTER(y);
    ENTER(log_sum_exp);
    HEAD_SETUP
    load_block(q_tile, q + head, first, tokens, pitch);
    float result[OWN], largest = -INFINITY, sum = 0.0f;
    for (int j = 0; j < OWN; j++) result[j] = 0.0f;
    for (int other = 0; other < tokens; other += BLOCK) {
        const int count = min(BLOCK, tokens - other);
        load_block(tile, k + head, other, tokens, pitch);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int s = lane; s < count; s += LANES)
            score[row * BLOCK + s] = scale * dot_of(q_tile + row * EXTENT, tile + s * EXTENT);
        barrier(CLK_LOCAL_MEM_FENCE);
        // Each item of a token computes the maximum and the sum separately, and all items get the same bits.
        float best = largest;
        for (int s = 0; s < count; s++) best = fmax(best, score[row * BLOCK + s]);
        const float decay = exp(largest - best);
        largest = best;
        sum *= decay;
        for (int j = 0; j < OWN; j++) result[j] *= decay;
        load_block(tile, v + head, other, tokens, pitch);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int s = 0; s < count; s++) {
            const float weight = exp(score[row * BLOCK + s] - best);
            sum += weight;
            for (int j = 0; j < OWN; j++) {
                const int e = lane + j * LANES;
                if (e < EXTENT) result[j] += weight * tile[s * EXTENT + e];
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (own >= tokens) return;
    for (int j = 0; j < OWN; j++) {
        const int e = lane + j * LANES;
        if (e < EXTENT) y[head + (ulong)own * pitch + e] = result[j] / sum;
    }
    if (lane == 0) log_sum_exp[line + own] = largest + log(sum);
}

#elif PART == CENTRES

// Σ over a token's EXTENT channels of upstream · y: centres [N, heads, T].
// NDRange: dimension 0, one item per token of a head.
__kernel void attention_centres(
    IN(y), IN(upstream), OUT(centres), const ulong count, const int tokens, const int heads) {
    ENTER(y);
    ENTER(upstream);
    ENTER(centres);
    const ulong i = get_global_id(0);
    if (i >= count) return;
    const ulong token = i % tokens, head = i / tokens % heads, sample = i / tokens / heads;
    const ulong start = ((sample * tokens + token) * heads + head) * EXTENT;
    float sum = 0.0f;
    for (int e = 0; e < EXTENT; e++) sum += y[start + e] * upstream[start + e];
    centres[i] = sum;
}

#elif PART == BACKWARD_Q

// dQ = scale · dS · K with dS = P ∘ (dY · Vᵀ − centre). A work-group computes BLOCK queries and loops over keys.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_backward_q(
    IN(q), IN(k), IN(v), IN(upstream), IN(log_sum_exp), IN(centres), OUT(gq), const int tokens, const float scale) {
    __local float q_tile[BLOCK * EXTENT], dy_tile[BLOCK * EXTENT], tile[BLOCK * EXTENT], score[BLOCK * BLOCK];
    __local float log_sum[BLOCK], centre[BLOCK];
    ENTER(q);
    ENTER(k);
    ENTER(v);
    ENTER(upstream);
    ENTER(log_sum_exp);
    ENTER(centres);
    ENTER(gq);
    HEAD_SETUP
    load_block(q_tile, q + head, first, tokens, pitch);
    load_block(dy_tile, upstream + head, first, tokens, pitch);
    // These numbers are not in private memory, because Intel's runtime for CPUs (2026.22) mixes up private memory in a
    // loop with barriers.
    if (lane == 0) {
        log_sum[row] = own < tokens ? log_sum_exp[line + own] : 0.0f;
        centre[row] = own < tokens ? centres[line + own] : 0.0f;
    }
    float result[OWN];
    for (int j = 0; j < OWN; j++) result[j] = 0.0f;
    for (int other = 0; other < tokens; other += BLOCK) {
        const int count = min(BLOCK, tokens - other);
        load_block(tile, v + head, other, tokens, pitch);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int s = lane; s < count; s += LANES)
            score[row * BLOCK + s] = dot_of(dy_tile + row * EXTENT, tile + s * EXTENT) - centre[row];
        barrier(CLK_LOCAL_MEM_FENCE);
        load_block(tile, k + head, other, tokens, pitch);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int s = lane; s < count; s += LANES)
            score[row * BLOCK + s] *= exp(scale * dot_of(q_tile + row * EXTENT, tile + s * EXTENT) - log_sum[row]);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int s = 0; s < count; s++)
            for (int j = 0; j < OWN; j++) {
                const int e = lane + j * LANES;
                if (e < EXTENT) result[j] += score[row * BLOCK + s] * tile[s * EXTENT + e];
            }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (own >= tokens) return;
    for (int j = 0; j < OWN; j++) {
        const int e = lane + j * LANES;
        if (e < EXTENT) gq[head + (ulong)own * pitch + e] = scale * result[j];
    }
}

#elif PART == BACKWARD_KV

// dV = Pᵀ · dY and dK = scale · dSᵀ · Q. A work-group computes BLOCK keys and loops over queries.
__kernel __attribute__((reqd_work_group_size(GROUP, 1, 1))) void attention_backward_kv(
    IN(q), IN(k), IN(v), IN(upstream), IN(log_sum_exp), IN(centres), OUT(gk), OUT(gv), const int tokens,
    const float scale) {
    __local float k_tile[BLOCK * EXTENT], v_tile[BLOCK * EXTENT], tile[BLOCK * EXTENT];
    __local float weight[BLOCK * BLOCK];
    ENTER(q);
    ENTER(k);
    ENTER(v);
    ENTER(upstream);
    ENTER(log_sum_exp);
    ENTER(centres);
    ENTER(gk);
    ENTER(gv);
    HEAD_SETUP
    load_block(k_tile, k + head, first, tokens, pitch);
    load_block(v_tile, v + head, first, tokens, pitch);
    float key[OWN], value[OWN];
    for (int j = 0; j < OWN; j++) key[j] = value[j] = 0.0f;
    for (int other = 0; other < tokens; other += BLOCK) {
        const int count = min(BLOCK, tokens - other);
        load_block(tile, q + head, other, tokens, pitch);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int s = lane; s < count; s += LANES)
            weight[row * BLOCK + s] =
                exp(scale * dot_of(k_tile + row * EXTENT, tile + s * EXTENT) - log_sum_exp[line + other + s]);
        barrier(CLK_LOCAL_MEM_FENCE);
        load_block(tile, upstream + head, other, tokens, pitch);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int s = 0; s < count; s++)
            for (int j = 0; j < OWN; j++) {
                const int e = lane + j * LANES;
                if (e < EXTENT) value[j] += weight[row * BLOCK + s] * tile[s * EXTENT + e];
            }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int s = lane; s < count; s += LANES)
            weight[row * BLOCK + s] *= dot_of(v_tile + row * EXTENT, tile + s * EXTENT) - centres[line + other + s];
        barrier(CLK_LOCAL_MEM_FENCE);
        load_block(tile, q + head, other, tokens, pitch);
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int s = 0; s < count; s++)
            for (int j = 0; j < OWN; j++) {
                const int e = lane + j * LANES;
                if (e < EXTENT) key[j] += weight[row * BLOCK + s] * tile[s * EXTENT + e];
            }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (own >= tokens) return;
    for (int j = 0; j < OWN; j++) {
        const int e = lane + j * LANES;
        if (e >= EXTENT) continue;
        gk[head + (ulong)own * pitch + e] = scale * key[j];
        gv[head + (ulong)own * pitch + e] = value[j];
    }
}

#endif
