// Focal loss over the sigmoid of each class.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    size_t channels;
    float gamma;
    float positive, negative; // factors if the reference is 1 and 0
    const float *shares;      // [channels]: the factor of a class in the loss
} segcpu_focal;

// sum [1] receives the sum of the rows' focal losses. Scratch: 16 channels of floats.
typedef void segcpu_focal_sum_kernel(
    const segcpu_focal *focal, const float *logits, const int32_t *labels, size_t rows, float *scratch, double *sum);

// The gradient with respect to the logits, times `scale`. Scratch: 16 channels of floats.
typedef void segcpu_focal_gradient_kernel(
    const segcpu_focal *focal, const float *logits, const int32_t *labels, size_t rows, float scale, float *gx,
    bool accumulate, float *scratch);
