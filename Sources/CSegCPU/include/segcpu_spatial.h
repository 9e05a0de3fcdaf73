// Pooling and resampling of channels-last volumes.
#ifndef SEGCPU_SPATIAL_H
#define SEGCPU_SPATIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Max pooling; each array holds d, h, w.
typedef struct {
    ptrdiff_t input[3], output[3], kernel[3], stride[3], padding[3];
    size_t channels;
} segcpu_pool;

// One row of outputs (along w) at output position (d, h) of a sample whose first element is x[0].
void segcpu_max_pool_row(const segcpu_pool *pool, const float *x, ptrdiff_t d, ptrdiff_t h, float *y, int32_t *indices);

// One row of input gradients at input position (d, h), gathered from the windows that cover it.
void segcpu_max_pool_gradient_row(
    const segcpu_pool *pool, const float *upstream, const int32_t *indices, ptrdiff_t d, ptrdiff_t h, float *gx,
    bool accumulate);

// For each position of the output along one axis, which inputs it sums and with which weights: those from first[i]
// on, with weights[begin[i] ..< begin[i + 1]].
typedef struct {
    const int32_t *first, *begin;
    const float *weights;
} segcpu_taps;

// One row of outputs (along w) at (d, h) of a sample: y[w] = Σ weights · x, over the product of three axes' taps.
void segcpu_resample_row(
    const segcpu_taps taps[3], const float *x, size_t input_h, size_t input_w, size_t channels, size_t d, size_t h,
    size_t output_w, float *y, bool accumulate);

#endif
