// Resampling of channels-last volumes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The inputs that each position of the output sums along one axis, and their weights: the inputs from first[i] on, with
// weights[begin[i] ..< begin[i + 1]].
typedef struct {
    const int32_t *first, *begin;
    const float *weights;
} segcpu_taps;

// Computes one row of outputs (along w) at (d, h) of a sample: y[w] = Σ weights · x, over the product of three axes'
// taps.
typedef void segcpu_resample_row_kernel(
    const segcpu_taps taps[3], const float *x, size_t input_h, size_t input_w, size_t channels, size_t d, size_t h,
    size_t output_w, float *y, bool accumulate);
