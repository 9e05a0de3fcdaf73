// Dice and cross entropy, fused with what makes probabilities of logits.
#ifndef SEGCPU_LOSS_H
#define SEGCPU_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEGCPU_BY_SOFTMAX = 0, SEGCPU_BY_SIGMOID, SEGCPU_AS_THEY_ARE };

typedef struct {
    size_t channels;
    int probabilities;
    bool squared, cross_entropy;
    const float *weights; // [channels]
} segcpu_dice;

// sums [3 channels + 1] receives Σ P G, Σ P (or P²), Σ G (or G²) and the weighted Σ of the cross entropy.
// Scratch: 16 (5 channels + 1) floats.
void segcpu_dice_sums(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, float *scratch, double *sums);

// Gradient for the logits, from the loss's derivatives for Σ P G and Σ P of this sample, [channels] each, and the
// factor of a row's cross entropy. Scratch: 48 channels of floats.
void segcpu_dice_gradient(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, const float *by_overlap,
    const float *by_size, float cross_entropy, float *gx, bool accumulate, float *scratch);

typedef struct {
    size_t channels;
    float gamma;
    float positive, negative; // Factors where the reference is 1 and 0.
    const float *shares; // [channels]: a class's factor in the loss.
} segcpu_focal;

// sum [1] receives the sum of the rows' focal losses. Scratch: 16 channels of floats.
void segcpu_focal_sum(
    const segcpu_focal *focal, const float *logits, const int32_t *labels, size_t rows, float *scratch, double *sum);

// Gradient for the logits, times `scale`. Scratch: 16 channels of floats.
void segcpu_focal_gradient(
    const segcpu_focal *focal, const float *logits, const int32_t *labels, size_t rows, float scale, float *gx,
    bool accumulate, float *scratch);

#endif
