// The steps of attention on rows of scores.
#pragma once

#include <stddef.h>

// Attention over one block of keys: scores [rows, keys] (rows `stride` elements apart) become e^(scale s - max) with
// the running maximum, and the row sums are updated. `decay` receives the factors of the results of earlier blocks.
typedef void segcpu_attention_scores_kernel(
    float *scores, size_t rows, size_t keys, size_t stride, float scale, float *maximum, float *sum, float *decay);

// Multiplies rows of `width` elements, `stride` apart, by one factor per row.
typedef void segcpu_scale_rows_kernel(float *x, size_t rows, size_t width, size_t stride, const float *factors);

// The dot product of each pair of rows.
typedef void segcpu_row_dots_kernel(
    const float *a, const float *b, size_t rows, size_t width, size_t stride, float *dots);

// Computes, from scores s and dP, p = e^(scale s - lse) in `scores` and dS = scale p (dP - dots) in `gradients`.
typedef void segcpu_attention_gradient_kernel(
    float *scores, float *gradients, size_t rows, size_t keys, size_t stride, float scale, const float *log_sum_exp,
    const float *dots);
