// Matrix products.
//
// Blocks of b are packed into panels of two vectors; blocks of a are packed only if a is transposed. Goto and van de
// Geijn 2008, "Anatomy of High-Performance Matrix Multiplication": a block of b stays in the second-level cache, and a
// panel of the block in the first-level cache.
#pragma once

#include "segcpu_matmul.h"

#include "conv3d_pack.h"
#include "gemm_block.h"

// Packs b's rows k ..< k + depth and columns n ..< n + columns as [panel][depth][2 * VEC_LANES], times alpha.
static void pack_right(
    const segcpu_product *p, ptrdiff_t k, ptrdiff_t depth, ptrdiff_t n, ptrdiff_t columns, float *packed) {
    enum { PANEL = 2 * VEC_LANES };
    for (ptrdiff_t j = 0; j < columns; j += PANEL, packed += depth * PANEL) {
        ptrdiff_t width = smaller(PANEL, columns - j);
        if (width < PANEL) memset(packed, 0, sizeof(float) * (size_t)(depth * PANEL));
        if (p->transpose_b) pack_row(p->b + (n + j) * p->b_row + k, p->b_row, width, depth, packed, PANEL);
        else
            for (ptrdiff_t i = 0; i < depth; i++)
                memcpy(packed + i * PANEL, p->b + (k + i) * p->b_row + n + j, sizeof(float) * (size_t)width);
        if (p->alpha != 1)
            for (ptrdiff_t i = 0; i < depth * PANEL; i++) packed[i] *= p->alpha;
    }
}

static void scale_result(const segcpu_product *p) {
    for (ptrdiff_t i = 0; i < p->m; i++)
        for (ptrdiff_t j = 0; j < p->n; j++) {
            float *c = p->c + i * p->c_row + j;
            *c = p->beta == 0 ? 0 : p->beta * *c;
        }
}

// Computes a panel's products for `rows` rows; `edge` holds them if the panel is wider than the rest of c.
static void multiply_panel(ptrdiff_t rows, ptrdiff_t width, gemm_operands g, float *edge) {
    if (width == 2 * VEC_LANES) {
        gemm_panel(2, rows, false, g);
        return;
    }
    gemm_operands whole = g;
    whole.c = edge;
    whole.c_row = 2 * VEC_LANES;
    whole.add = false;
    gemm_panel(2, rows, false, whole);
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < width; j++) {
            float *c = g.c + i * g.c_row + j;
            *c = edge[i * 2 * VEC_LANES + j] + (g.add ? *c : 0);
        }
}

static void multiply(const segcpu_product *p, float *scratch) {
    float *right = scratch, *left = right + PRODUCT_DEPTH * PRODUCT_COLUMNS;
    float *edge = left + PRODUCT_DEPTH * PRODUCT_ROWS;
    if (p->beta != 1 && (p->beta != 0 || p->k == 0)) scale_result(p);
    for (ptrdiff_t k = 0; k < p->k; k += PRODUCT_DEPTH)
        for (ptrdiff_t n = 0; n < p->n; n += PRODUCT_COLUMNS) {
            ptrdiff_t depth = smaller(PRODUCT_DEPTH, p->k - k), columns = smaller(PRODUCT_COLUMNS, p->n - n);
            pack_right(p, k, depth, n, columns, right);
            for (ptrdiff_t m = 0; m < p->m; m += PRODUCT_ROWS) {
                ptrdiff_t rows = smaller(PRODUCT_ROWS, p->m - m);
                gemm_operands g = {
                    .a = p->a + m * p->a_row + k,
                    .a_step = p->a_row,
                    .b = right,
                    .b_step = 2 * VEC_LANES,
                    .depth = depth,
                    .chunk = depth,
                    .c = p->c + m * p->c_row + n,
                    .c_row = p->c_row,
                    .add = k > 0 || p->beta != 0};
                if (p->transpose_a) {
                    pack_row(p->a + k * p->a_row + m, p->a_row, depth, rows, left, depth);
                    g.a = left;
                    g.a_step = depth;
                }
                for (ptrdiff_t j = 0; j < columns; j += 2 * VEC_LANES) {
                    multiply_panel(rows, smaller(2 * VEC_LANES, columns - j), g, edge);
                    g.b += depth * 2 * VEC_LANES;
                    g.c += 2 * VEC_LANES;
                }
            }
        }
}
