// Pooling of channels-last volumes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Max pooling; each array holds d, h, w.
typedef struct {
    ptrdiff_t input[3], output[3], kernel[3], stride[3], padding[3];
    size_t channels;
} segcpu_pool;

// Computes one row of outputs (along w) at output position (d, h) of a sample whose first element is x[0].
typedef void segcpu_max_pool_row_kernel(
    const segcpu_pool *pool, const float *x, ptrdiff_t d, ptrdiff_t h, float *y, int32_t *indices);

// Computes one row of input gradients at input position (d, h), gathered from the windows that cover it.
typedef void segcpu_max_pool_gradient_row_kernel(
    const segcpu_pool *pool, const float *upstream, const int32_t *indices, ptrdiff_t d, ptrdiff_t h, float *gx,
    bool accumulate);
