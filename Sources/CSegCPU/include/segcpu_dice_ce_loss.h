// Dice and cross entropy, fused with the softmax or sigmoid of the logits.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEGCPU_BY_SOFTMAX = 0, SEGCPU_BY_SIGMOID, SEGCPU_AS_THEY_ARE };

typedef struct {
    size_t channels;
    int probabilities;
    bool squared, cross_entropy;
    bool regions;         // whether bit c of a label marks region c; otherwise a label is a class's number
    const float *weights; // [channels]
} segcpu_dice;

// Rows whose label is below 0 are ignored: no sum includes them, and their gradient is 0.

// sums [3 channels + 2] receives Σ P G, Σ P (or Σ P²), Σ G (or Σ G²), the weighted sum of the cross entropy and the
// number of rows that are not ignored. Scratch: 16 (5 channels + 2) floats.
typedef void segcpu_dice_sums_kernel(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, float *scratch, double *sums);

// The gradient with respect to the logits, from the loss's derivatives with respect to Σ P G and Σ P of this sample,
// [channels] each, and the factor of a row's cross entropy. Scratch: 48 channels of floats.
typedef void segcpu_dice_gradient_kernel(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, const float *by_overlap,
    const float *by_size, float cross_entropy, float *gx, bool accumulate, float *scratch);
