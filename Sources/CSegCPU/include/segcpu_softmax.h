// Softmax.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Softmax of each row; scratch is 16 rows. y may be x.
typedef void segcpu_softmax_kernel(const float *x, float *y, size_t rows, size_t channels, float *scratch);

// gx = y (g - Σ y g) for each row; scratch is 32 rows.
typedef void segcpu_softmax_gradient_kernel(
    const float *y, const float *upstream, float *gx, bool accumulate, size_t rows, size_t channels, float *scratch);
