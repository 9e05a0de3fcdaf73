// Focal loss, sixteen rows side by side; see segcpu_focal_loss.h.
#pragma once

#include "segcpu_focal_loss.h"

#include "dice_ce_loss_kernel.h"

// ln(1 - p), where p is the sigmoid of z. z is the logit if the reference is 1, and the negated logit if it is 0.
INLINE vf log_of_rest(vf z) { return -softplus_of_negated(-z); }

INLINE vf focal_factor(const segcpu_focal *focal, vf truth, size_t c) {
    return focal->shares[c] * (truth != 0.0f ? (vf)0.0f + focal->positive : (vf)0.0f + focal->negative);
}

static void focal_sum(
    const segcpu_focal *focal, const float *logits, const int32_t *labels, size_t rows, float *scratch, double *sum) {
    size_t channels = focal->channels;
    *sum = 0;
    for (size_t row = 0; row < rows; row += LANES) {
        size_t n = least(LANES, rows - row);
        gather_rows(logits + row * channels, n, channels, scratch);
        vi own = load_integers_part(labels + row, n, 0);
        vf own_sum = (vf)0.0f;
        for (size_t c = 0; c < channels; c++) {
            vf x = load(scratch + c * LANES), truth = one_hot(own, (int32_t)c, channels);
            vf z = truth != 0.0f ? x : -x;
            own_sum +=
                focal_factor(focal, truth, c) * exponential(focal->gamma * log_of_rest(z)) * softplus_of_negated(z);
        }
        *sum += horizontal_sum(keep_lanes(own_sum, n, 0.0f));
    }
}

static void focal_gradient(
    const segcpu_focal *focal, const float *logits, const int32_t *labels, size_t rows, float scale, float *gx,
    bool accumulate, float *scratch) {
    size_t channels = focal->channels;
    for (size_t row = 0; row < rows; row += LANES) {
        size_t n = least(LANES, rows - row);
        gather_rows(logits + row * channels, n, channels, scratch);
        vi own = load_integers_part(labels + row, n, 0);
        for (size_t c = 0; c < channels; c++) {
            vf x = load(scratch + c * LANES), truth = one_hot(own, (int32_t)c, channels);
            vf z = truth != 0.0f ? x : -x, rest = sigmoid(-z);
            vf slope = -exponential(focal->gamma * log_of_rest(z))
                * (focal->gamma * sigmoid(z) * softplus_of_negated(z) + rest);
            slope *= scale * focal_factor(focal, truth, c);
            store(scratch + c * LANES, truth != 0.0f ? slope : -slope);
        }
        scatter_rows(scratch, gx + row * channels, accumulate, n, channels);
    }
}
