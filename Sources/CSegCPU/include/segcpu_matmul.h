// Matrix products.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// c = alpha * op(a) * op(b) + beta * c, like BLAS's sgemm with row-major matrices; beta = 0 overwrites c.
typedef struct {
    bool transpose_a, transpose_b;
    ptrdiff_t m, n, k; // c is m x n
    float alpha;
    const float *a;
    ptrdiff_t a_row; // floats from row to row of the stored matrix
    const float *b;
    ptrdiff_t b_row;
    float beta;
    float *c;
    ptrdiff_t c_row;
} segcpu_product;

// The number of floats of scratch memory that the kernel `multiply` needs.
size_t segcpu_product_scratch(void);

// Computes the product on the calling thread, in an order that depends on the sizes alone.
typedef void segcpu_multiply_kernel(const segcpu_product *product, float *scratch);
