// Dice and cross entropy, sixteen rows side by side; see segcpu_dice_ce_loss.h.
#pragma once

#include "segcpu_dice_ce_loss.h"

#include "reduce_kernel.h"
#include "softmax_kernel.h"

// ln(1 + e^-x) without overflow or cancellation.
INLINE vf softplus_of_negated(vf x) {
    vf small = log1p_of_fraction(exponential(-__builtin_elementwise_abs(x)));
    return x < 0.0f ? small - x : small;
}

INLINE vf one_hot(vi labels, int32_t c, size_t channels) {
    if (channels == 1) return __builtin_convertvector(labels, vf);
    return labels == c ? (vf)1.0f : (vf)0.0f;
}

// Predictions of [channels, 16] logits, in place or not.
INLINE void predictions(const segcpu_dice *dice, const float *logits, const float *soft, float *p) {
    for (size_t c = 0; c < dice->channels; c++) {
        vf x = load(logits + c * LANES);
        if (dice->probabilities == SEGCPU_BY_SIGMOID) x = sigmoid(x);
        else if (dice->probabilities == SEGCPU_BY_SOFTMAX && dice->channels > 1) x = load(soft + c * LANES);
        store(p + c * LANES, x);
    }
}

INLINE bool needs_softmax(const segcpu_dice *dice) {
    return dice->channels > 1 && (dice->cross_entropy || dice->probabilities == SEGCPU_BY_SOFTMAX);
}

// The weighted cross entropy of sixteen rows.
INLINE vf cross_entropies(const segcpu_dice *dice, const float *logits, vi labels, vf most, vf sum) {
    if (dice->channels == 1) {
        vf x = load(logits), t = __builtin_convertvector(labels, vf);
        return (1.0f - t) * x + ((dice->weights[0] - 1.0f) * t + 1.0f) * softplus_of_negated(x);
    }
    vf own = (vf)0.0f, weight = (vf)0.0f;
    for (size_t c = 0; c < dice->channels; c++) {
        own = labels == (int32_t)c ? load(logits + c * LANES) : own;
        weight = labels == (int32_t)c ? (vf)dice->weights[c] : weight;
    }
    return weight * (logarithm(sum) + (most - own));
}

INLINE void dice_rows(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, float *scratch) {
    size_t channels = dice->channels, plane = channels * LANES;
    float *x = scratch, *soft = x + plane, *totals = soft + plane;
    gather_rows(logits, rows, channels, x);
    vi own = load_integers_part(labels, rows, channels == 1 ? 0 : -1);
    vf most = (vf)0.0f, sum = (vf)1.0f;
    if (needs_softmax(dice)) {
        memcpy(soft, x, plane * sizeof *x);
        most = softmax_lanes(soft, channels, &sum);
    }
    if (dice->cross_entropy) {
        vf entropy = keep_lanes(cross_entropies(dice, x, own, most, sum), rows, 0.0f);
        store(totals + 3 * plane, load(totals + 3 * plane) + entropy);
    }
    predictions(dice, x, soft, soft);
    for (size_t c = 0; c < channels; c++) {
        float *overlap = totals + c * LANES, *size = overlap + plane, *truth = size + plane;
        vf p = keep_lanes(load(soft + c * LANES), rows, 0.0f), g = one_hot(own, (int32_t)c, channels);
        store(overlap, load(overlap) + p * g);
        store(size, load(size) + (dice->squared ? p * p : p));
        store(truth, load(truth) + (dice->squared ? g * g : g));
    }
}

INLINE void dice_sums_of(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, float *scratch, double *sums) {
    size_t channels = dice->channels, lines = 3 * channels + 1;
    float *totals = scratch + 2 * channels * LANES;
    memset(totals, 0, lines * LANES * sizeof *totals);
    memset(sums, 0, lines * sizeof *sums);
    for (size_t row = 0; row < rows; row += LANES) {
        size_t n = least(LANES, rows - row);
        if (n == LANES) dice_rows(dice, logits + row * channels, labels + row, LANES, scratch);
        else dice_rows(dice, logits + row * channels, labels + row, n, scratch);
        if ((row + LANES) % TILE && row + LANES < rows) continue;
        for (size_t i = 0; i < lines; i++) {
            sums[i] += horizontal_sum(load(totals + i * LANES));
            store(totals + i * LANES, (vf)0.0f);
        }
    }
}

INLINE void dice_gradient_rows(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, const float *by_overlap,
    const float *by_size, float cross_entropy, float *gx, bool accumulate, float *scratch) {
    size_t channels = dice->channels, plane = channels * LANES;
    float *x = scratch, *soft = x + plane, *g = soft + plane;
    gather_rows(logits, rows, channels, x);
    vi own = load_integers_part(labels, rows, 0);
    vf sum, weight = (vf)0.0f, dot = (vf)0.0f;
    if (needs_softmax(dice)) {
        memcpy(soft, x, plane * sizeof *x);
        softmax_lanes(soft, channels, &sum);
    }
    predictions(dice, x, soft, g);
    for (size_t c = 0; c < channels; c++) {
        vf p = load(g + c * LANES), truth = one_hot(own, (int32_t)c, channels);
        vf d = by_overlap[c] * truth + by_size[c] * (dice->squared ? 2.0f * p : (vf)1.0f);
        if (dice->probabilities == SEGCPU_BY_SIGMOID) d *= p * (1.0f - p);
        dot += d * p;
        weight += truth * dice->weights[c];
        store(g + c * LANES, d);
    }
    bool softmax = dice->probabilities == SEGCPU_BY_SOFTMAX && channels > 1;
    for (size_t c = 0; c < channels; c++) {
        vf d = load(g + c * LANES), truth = one_hot(own, (int32_t)c, channels);
        if (softmax) d = load(soft + c * LANES) * (d - dot);
        if (dice->cross_entropy && channels > 1) d += cross_entropy * weight * (load(soft + c * LANES) - truth);
        if (dice->cross_entropy && channels == 1)
            d += cross_entropy * ((1.0f - truth) - ((dice->weights[0] - 1.0f) * truth + 1.0f) * sigmoid(-load(x)));
        store(g + c * LANES, d);
    }
    scatter_rows(g, gx, accumulate, rows, channels);
}

INLINE void dice_gradient_of(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, const float *by_overlap,
    const float *by_size, float cross_entropy, float *gx, bool accumulate, float *scratch) {
    size_t channels = dice->channels, row = 0;
    for (; row + LANES <= rows; row += LANES)
        dice_gradient_rows(
            dice, logits + row * channels, labels + row, LANES, by_overlap, by_size, cross_entropy, gx + row * channels,
            accumulate, scratch);
    if (row < rows)
        dice_gradient_rows(
            dice, logits + row * channels, labels + row, rows - row, by_overlap, by_size, cross_entropy,
            gx + row * channels, accumulate, scratch);
}

// Two classes are compiled separately, so that their planes stay in registers.

static void dice_sums(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, float *scratch, double *sums) {
    segcpu_dice own = *dice;
    if (own.channels == 2) {
        own.channels = 2;
        dice_sums_of(&own, logits, labels, rows, scratch, sums);
    } else {
        dice_sums_of(&own, logits, labels, rows, scratch, sums);
    }
}

static void dice_gradient(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, const float *by_overlap,
    const float *by_size, float cross_entropy, float *gx, bool accumulate, float *scratch) {
    segcpu_dice own = *dice;
    if (own.channels == 2) {
        own.channels = 2;
        dice_gradient_of(&own, logits, labels, rows, by_overlap, by_size, cross_entropy, gx, accumulate, scratch);
    } else {
        dice_gradient_of(&own, logits, labels, rows, by_overlap, by_size, cross_entropy, gx, accumulate, scratch);
    }
}
