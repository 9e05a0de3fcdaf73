// The register-blocked matrix product that Winograd convolutions and matrix products share.
//
// A block keeps rows x vectors sums in registers over a chunk of the inner axis. The sums of the chunks are added in
// order, which rounds less than one long sum. The vectors of b are contiguous, and each scalar of a is broadcast once
// for all of them.
#pragma once

#include "simd.h"
#include "sizes.h"

typedef struct {
    const float *a;
    ptrdiff_t a_step; // floats between the rows of a or, if a is transposed, between steps along the inner axis
    const float *b;
    ptrdiff_t b_step; // floats between steps along the inner axis
    ptrdiff_t depth;  // size of the inner axis
    ptrdiff_t chunk;  // size of a chunk of the inner axis
    float *c;
    ptrdiff_t c_row;
    bool add; // whether the product is added to c
} gemm_operands;

typedef void (*gemm_kernel)(const gemm_operands *);

// Each row of a is contiguous along the inner axis; if a is transposed, its rows are side by side instead. Four rows
// share one pointer, because a pointer for each row would leave too few registers.
INLINE void gemm_block(const int vectors, const int rows, const bool transposed, const gemm_operands *g) {
    const ptrdiff_t step = g->a_step, depth = g->depth, b_step = g->b_step;
    const float *a[7], *b = g->b;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r += 4) a[r / 4] = transposed ? g->a + r : g->a + r * step;
    vec sum[rows][vectors];
    float total[rows * vectors * VEC_LANES];
    for (ptrdiff_t from = 0; from < depth; from += g->chunk) {
        const ptrdiff_t end = smaller(from + g->chunk, depth);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++) sum[r][v] = 0;
#pragma clang loop unroll(disable)
        for (ptrdiff_t k = from; k < end; k++, b += b_step) {
            vec factor[2];
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++) factor[v] = load_vec(b + v * VEC_LANES);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) {
                vec value = transposed ? a[0][k * step + r] : a[r / 4][(r % 4) * step + k];
#pragma clang loop unroll(full)
                for (int v = 0; v < vectors; v++) sum[r][v] += value * factor[v];
            }
        }
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++) {
                float *so_far = total + (r * vectors + v) * VEC_LANES;
                if (from > 0) sum[r][v] += load_vec(so_far);
                if (end < depth) store_vec(so_far, sum[r][v]);
            }
    }
    const bool add = g->add;
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) {
            float *c = g->c + r * g->c_row + v * VEC_LANES;
            store_vec(c, add ? load_vec(c) + sum[r][v] : sum[r][v]);
        }
}

// clang-format off
#define EACH_GEMM_BLOCK(X) \
    X(2, 14) X(2, 13) X(2, 12) X(2, 11) X(2, 10) X(2, 9) X(2, 8) X(2, 7) X(2, 6) X(2, 5) X(2, 4) X(2, 3) X(2, 2) \
    X(2, 1) X(1, 28) X(1, 24) X(1, 20) X(1, 16) X(1, 14) X(1, 12) X(1, 10) X(1, 8) X(1, 6) X(1, 5) X(1, 4) X(1, 3) \
    X(1, 2) X(1, 1)
// clang-format on

#define DEFINE_GEMM_BLOCK(V, R)                                                                                        \
    static void gemm_block_##V##_##R(const gemm_operands *g) { gemm_block(V, R, false, g); }                           \
    static void transposed_block_##V##_##R(const gemm_operands *g) { gemm_block(V, R, true, g); }
EACH_GEMM_BLOCK(DEFINE_GEMM_BLOCK)

typedef struct {
    int vectors, rows;
    gemm_kernel run, run_transposed;
} gemm_choice;

#define LIST_GEMM_BLOCK(V, R) {V, R, gemm_block_##V##_##R, transposed_block_##V##_##R},
static const gemm_choice gemm_choices[] = {EACH_GEMM_BLOCK(LIST_GEMM_BLOCK)};

// The largest block of at most `rows` rows; the table is in descending order of rows.
static gemm_choice choose_gemm_block(int vectors, ptrdiff_t rows) {
    for (size_t i = 0; i < COUNT(gemm_choices); i++) {
        gemm_choice k = gemm_choices[i];
        if (k.vectors == vectors && k.rows <= rows && k.rows * vectors <= ACCUMULATORS) return k;
    }
    return gemm_choices[COUNT(gemm_choices) - 1];
}

// c = a * b, or c += a * b, for any number of rows and one panel of `vectors` vectors; rows are divided evenly into
// blocks.
static void gemm_panel(int vectors, ptrdiff_t rows, bool transposed, gemm_operands g) {
    ptrdiff_t most = ACCUMULATORS / vectors, parts = (rows + most - 1) / most;
    while (rows > 0) {
        gemm_choice choice = choose_gemm_block(vectors, (rows + parts - 1) / parts);
        (transposed ? choice.run_transposed : choice.run)(&g);
        g.a += transposed ? choice.rows : choice.rows * g.a_step;
        g.c += choice.rows * g.c_row;
        rows -= choice.rows;
        if (parts > 1) parts--;
    }
}
