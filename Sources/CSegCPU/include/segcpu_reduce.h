// Sums and maxima over axes.
#pragma once

#include <stddef.h>

enum { SEGCPU_SUM = 0, SEGCPU_MAX };

// The sums of columns over a run of rows; period as in segcpu_norm.h. Scratch: one period of floats, one of doubles.
typedef void segcpu_column_sums_kernel(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *wide, double *sums);

// The maxima of columns over a run of rows; NaN if any element is NaN. Scratch: one period.
typedef void segcpu_column_maxima_kernel(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *maxima);

// Reduces n rows, `stride` elements apart, of `width` columns.
typedef void segcpu_reduce_kernel(int op, const float *x, size_t n, size_t stride, size_t width, double *out);
