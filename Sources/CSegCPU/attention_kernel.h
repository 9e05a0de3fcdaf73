// The steps of attention on rows of scores; see segcpu_attention.h.
#pragma once

#include "segcpu_attention.h"

#include "softmax_kernel.h"

static void attention_scores(
    float *scores, size_t rows, size_t keys, size_t stride, float scale, float *running, float *sum, float *decay) {
    for (size_t row = 0; row < rows; row++, scores += stride) {
        for (size_t key = 0; key < keys; key++) scores[key] *= scale;
        float most = row_maximum(scores, keys);
        most = most > running[row] ? most : running[row];
        decay[row] = exponential((vf)(running[row] - most))[0];
        running[row] = most;
        sum[row] = sum[row] * decay[row] + row_exponentials(scores, scores, keys, most);
    }
}

static void scale_rows(float *x, size_t rows, size_t width, size_t stride, const float *factors) {
    for (size_t row = 0; row < rows; row++, x += stride)
        for (size_t i = 0; i < width; i++) x[i] *= factors[row];
}

static void row_dots(const float *a, const float *b, size_t rows, size_t width, size_t stride, float *dots) {
    for (size_t row = 0; row < rows; row++, a += stride, b += stride) {
        vf sum = (vf)0.0f;
        for (size_t i = 0; i < width; i += LANES) {
            size_t lanes = least(LANES, width - i);
            sum += load_part(a + i, lanes) * load_part(b + i, lanes);
        }
        dots[row] = horizontal_sum(sum);
    }
}

static void attention_gradient(
    float *scores, float *gradients, size_t rows, size_t keys, size_t stride, float scale, const float *log_sum_exp,
    const float *dots) {
    for (size_t row = 0; row < rows; row++, scores += stride, gradients += stride)
        for (size_t key = 0; key < keys; key += LANES) {
            size_t lanes = least(LANES, keys - key);
            vf p = exponential(load_part(scores + key, lanes) * scale - log_sum_exp[row]);
            store_part(scores + key, p, lanes);
            store_part(gradients + key, scale * p * (load_part(gradients + key, lanes) - dots[row]), lanes);
        }
}
