// The blending of sliding windows; see segcpu_window.h.
#pragma once

#include "segcpu_window.h"

static void divide_rows(const float *x, const float *divisors, float *y, size_t rows, size_t channels) {
    for (size_t row = 0; row < rows; row++)
        for (size_t i = row * channels; i < (row + 1) * channels; i++) y[i] = x[i] / divisors[row];
}

static void blend_rows(
    const float *x, const float *weights, float *sum, float *weight_sum, size_t rows, size_t channels) {
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = row * channels; i < (row + 1) * channels; i++) sum[i] += weights[row] * x[i];
        weight_sum[row] += weights[row];
    }
}
