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

// The reference of a channel; an ignored row has none.
INLINE vf reference(const segcpu_dice *dice, vi labels, int32_t c) {
    vi taking = __builtin_elementwise_max(labels, (vi)0);
    if (dice->regions) return __builtin_convertvector(taking >> c & 1, vf);
    return one_hot(dice->channels == 1 ? taking : labels, c, dice->channels);
}

// Whether each channel has its own binary cross entropy.
INLINE bool is_binary(const segcpu_dice *dice) { return dice->regions || dice->channels == 1; }

// Computes the predictions of [channels, 16] logits, in place or not.
INLINE void predictions(const segcpu_dice *dice, const float *logits, const float *soft, float *p) {
    for (size_t c = 0; c < dice->channels; c++) {
        vf x = load(logits + c * LANES);
        if (dice->probabilities == SEGCPU_BY_SIGMOID) x = sigmoid(x);
        else if (dice->probabilities == SEGCPU_BY_SOFTMAX && dice->channels > 1) x = load(soft + c * LANES);
        store(p + c * LANES, x);
    }
}

INLINE bool needs_softmax(const segcpu_dice *dice) {
    bool for_entropy = dice->cross_entropy && !is_binary(dice);
    return dice->channels > 1 && (for_entropy || dice->probabilities == SEGCPU_BY_SOFTMAX);
}

// The weighted cross entropy of sixteen rows.
INLINE vf cross_entropies(const segcpu_dice *dice, const float *logits, vi labels, vf most, vf sum) {
    vf own = (vf)0.0f, weight = (vf)0.0f;
    if (is_binary(dice)) {
        for (size_t c = 0; c < dice->channels; c++) {
            vf x = load(logits + c * LANES), t = reference(dice, labels, (int32_t)c);
            own += (1.0f - t) * x + ((dice->weights[c] - 1.0f) * t + 1.0f) * softplus_of_negated(x);
        }
        return own;
    }
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
    // Lanes after the last row are ignored, like rows with a label below 0.
    vi own = load_integers_part(labels, rows, -1);
    vf most = (vf)0.0f, sum = (vf)1.0f;
    if (needs_softmax(dice)) {
        memcpy(soft, x, plane * sizeof *x);
        most = softmax_lanes(soft, channels, &sum);
    }
    if (dice->cross_entropy) {
        vf entropy = cross_entropies(dice, x, own, most, sum);
        store(totals + 3 * plane, load(totals + 3 * plane) + (own < 0 ? (vf)0.0f : entropy));
    }
    float *taking = totals + 3 * plane + LANES;
    store(taking, load(taking) + (own < 0 ? (vf)0.0f : (vf)1.0f));
    predictions(dice, x, soft, soft);
    for (size_t c = 0; c < channels; c++) {
        float *overlap = totals + c * LANES, *size = overlap + plane, *truth = size + plane;
        vf p = own < 0 ? (vf)0.0f : load(soft + c * LANES), g = reference(dice, own, (int32_t)c);
        store(overlap, load(overlap) + p * g);
        store(size, load(size) + (dice->squared ? p * p : p));
        store(truth, load(truth) + (dice->squared ? g * g : g));
    }
}

INLINE void dice_sums_of(
    const segcpu_dice *dice, const float *logits, const int32_t *labels, size_t rows, float *scratch, double *sums) {
    size_t channels = dice->channels, lines = 3 * channels + 2;
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
        vf p = load(g + c * LANES), truth = reference(dice, own, (int32_t)c);
        vf d = by_overlap[c] * truth + by_size[c] * (dice->squared ? 2.0f * p : (vf)1.0f);
        if (dice->probabilities == SEGCPU_BY_SIGMOID) d *= p * (1.0f - p);
        dot += d * p;
        weight += truth * dice->weights[c];
        store(g + c * LANES, d);
    }
    bool softmax = dice->probabilities == SEGCPU_BY_SOFTMAX && channels > 1;
    for (size_t c = 0; c < channels; c++) {
        vf d = load(g + c * LANES), truth = reference(dice, own, (int32_t)c);
        if (softmax) d = load(soft + c * LANES) * (d - dot);
        if (dice->cross_entropy && !is_binary(dice)) d += cross_entropy * weight * (load(soft + c * LANES) - truth);
        if (dice->cross_entropy && is_binary(dice)) {
            vf rest = sigmoid(-load(x + c * LANES));
            d += cross_entropy * ((1.0f - truth) - ((dice->weights[c] - 1.0f) * truth + 1.0f) * rest);
        }
        store(g + c * LANES, own < 0 ? (vf)0.0f : d);
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
