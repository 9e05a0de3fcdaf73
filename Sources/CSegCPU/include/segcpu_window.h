// The blending of sliding windows.
#pragma once

#include <stddef.h>

// Divides each row of x [rows, channels] by its divisor. y may be x.
typedef void segcpu_divide_rows_kernel(const float *x, const float *divisors, float *y, size_t rows, size_t channels);

// sum [rows, channels] += weights [rows] x, weight_sum += weights.
typedef void segcpu_blend_rows_kernel(
    const float *x, const float *weights, float *sum, float *weight_sum, size_t rows, size_t channels);
