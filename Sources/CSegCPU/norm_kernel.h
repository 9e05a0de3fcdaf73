// Normalisation of runs of channels-last rows, fused with dropout, residual sums and activation; see segcpu_norm.h.
#pragma once

#include "segcpu_norm.h"

#include "activation.h"
#include "dropout_kernel.h"
#include "reduce_kernel.h"

typedef struct {
    vf hat, w, keep; // x̂, the activation's argument, and dropout's multiplier
} norm_point;

INLINE norm_point
norm_at(const segcpu_norm *p, const float *x, const float *before, const float *kept, size_t phase, size_t lanes) {
    norm_point at;
    at.hat = load_part(x, lanes);
    at.w = at.hat;
    if (p->mean) {
        at.hat = (at.hat - load(p->mean + phase)) * load(p->rstd + phase);
        at.w = at.hat * load(p->weight + phase) + load(p->bias + phase);
    }
    at.keep = (vf)1.0f;
    if (kept) at.keep = load(kept);
    else if (p->keep) at.keep = load(p->keep + phase);
    at.w *= at.keep;
    if (before) at.w += load_part(before, lanes);
    return at;
}

INLINE vf slope_at(const segcpu_norm *p, size_t phase) { return p->slope ? load(p->slope + phase) : (vf)0.0f; }

// Runs BODY(i, phase, lanes, kept) over a run, one vector at a time, with dropout's multipliers in `kept`.
#define FOR_RUN(BODY)                                                                                                  \
    float buffer[TILE + 64];                                                                                           \
    size_t phase = 0;                                                                                                  \
    for (size_t tile = 0; tile < run.count; tile += TILE) {                                                            \
        size_t end = least(tile + TILE, run.count), i = tile;                                                          \
        const float *kept = p->dropout ? keep_tile(p->dropout, run.element + tile, end - tile, buffer) : NULL;         \
        for (; i + LANES <= end; i += LANES) {                                                                         \
            BODY(i, phase, LANES, kept ? kept + (i - tile) : NULL);                                                    \
            phase = phase + LANES == p->period ? 0 : phase + LANES;                                                    \
        }                                                                                                              \
        if (i < end) BODY(i, phase, end - i, kept ? kept + (i - tile) : NULL);                                         \
        AFTER_TILE(end);                                                                                               \
    }

#define AFTER_TILE(end)

INLINE void norm_forward_as(
    int kind, const segcpu_norm *p, const float *x, const float *before, const float *after, float *y, segcpu_run run) {
#define FORWARD(i, phase, lanes, kept)                                                                                 \
    do {                                                                                                               \
        vf w = norm_at(p, x + (i), before ? before + (i) : NULL, kept, phase, lanes).w;                                \
        vf value = activation_value(kind, w, slope_at(p, phase));                                                      \
        if (after) value += load_part(after + (i), lanes);                                                             \
        stream_part(y + (i), value, lanes, streams);                                                                   \
    } while (0)
    const bool streams = y != x && is_streamed(y, run.count);
    FOR_RUN(FORWARD)
    end_stream(streams);
#undef FORWARD
}

static void norm_forward(
    const segcpu_norm *norm, const float *x, const float *before, const float *after, float *y, segcpu_run run) {
    FOR_ACTIVATION(norm->activation, norm_forward_as, norm, x, before, after, y, run)
}

INLINE void norm_gradient_as(
    int kind, const segcpu_norm *p, const float *a, const float *b, const float *c, const float *x,
    const float *upstream, const float *before, float *gx, bool accumulate, segcpu_run run) {
#define GRADIENT(i, phase, lanes, kept)                                                                                \
    do {                                                                                                               \
        norm_point at = norm_at(p, x + (i), before ? before + (i) : NULL, kept, phase, lanes);                         \
        vf g = load_part(upstream + (i), lanes) * activation_derivative(kind, at.w, slope_at(p, phase)) * at.keep;     \
        g = g * load(a + (phase)) + load(b + (phase)) + at.hat * load(c + (phase));                                    \
        if (accumulate) g += load_part(gx + (i), lanes);                                                               \
        stream_part(gx + (i), g, lanes, streams);                                                                      \
    } while (0)
    const bool streams = !accumulate && is_streamed(gx, run.count);
    FOR_RUN(GRADIENT)
    end_stream(streams);
#undef GRADIENT
}

static void norm_gradient(
    const segcpu_norm *norm, const float *a, const float *b, const float *c, const float *x, const float *upstream,
    const float *before, float *gx, bool accumulate, segcpu_run run) {
    FOR_ACTIVATION(norm->activation, norm_gradient_as, norm, a, b, c, x, upstream, before, gx, accumulate, run)
}

#undef AFTER_TILE

INLINE void norm_sums_as(
    int kind, const segcpu_norm *p, const float *x, const float *upstream, const float *before, float *g2, bool add_g2,
    segcpu_run run, float *narrow, double *wide) {
    float *zeroth = narrow, *first = zeroth + p->period, *slopes = first + p->period;
#define SUMS(i, phase, lanes, kept)                                                                                    \
    do {                                                                                                               \
        norm_point at = norm_at(p, x + (i), before ? before + (i) : NULL, kept, phase, lanes);                         \
        vf g = load_part(upstream + (i), lanes);                                                                       \
        if (kind == SEGCPU_LEAKY_RELU) {                                                                               \
            vf own = at.w > 0.0f ? (vf)0.0f : g * at.w;                                                                \
            store(slopes + (phase), load(slopes + (phase)) + keep_lanes(own, lanes, 0.0f));                            \
        }                                                                                                              \
        g *= activation_derivative(kind, at.w, slope_at(p, phase));                                                    \
        if (g2) stream_part(g2 + (i), add_g2 ? g + load_part(g2 + (i), lanes) : g, lanes, streams);                    \
        if (p->mean) {                                                                                                 \
            g = keep_lanes(g * at.keep, lanes, 0.0f);                                                                  \
            store(zeroth + (phase), load(zeroth + (phase)) + g);                                                       \
            store(first + (phase), load(first + (phase)) + g * at.hat);                                                \
        }                                                                                                              \
    } while (0)
#define AFTER_TILE(end)                                                                                                \
    if ((end) % BLOCK == 0 || (end) == run.count) fold(narrow, wide, 3 * p->period)
    const bool streams = g2 && !add_g2 && is_streamed(g2, run.count);
    FOR_RUN(SUMS)
    end_stream(streams);
#undef AFTER_TILE
#undef SUMS
}

static void norm_sums(
    const segcpu_norm *norm, const float *x, const float *upstream, const float *before, float *g2, bool add_g2,
    segcpu_run run, size_t channels, float *scratch, double *wide, double *sums) {
    size_t period = norm->period;
    memset(scratch, 0, 3 * period * sizeof *scratch);
    memset(wide, 0, 3 * period * sizeof *wide);
    FOR_ACTIVATION(norm->activation, norm_sums_as, norm, x, upstream, before, g2, add_g2, run, scratch, wide)
    for (size_t kind = 0; kind < 3; kind++)
        for (size_t c = 0; c < channels; c++) {
            double total = 0;
            for (size_t i = c; i < period; i += channels) total += wide[kind * period + i];
            sums[kind * channels + c] = total;
        }
}

// Merges `count` values, which have a mean and an m2, into a running triple (Chan, Golub and LeVeque 1979).
INLINE void merge_moments(double *n, double *mean, double *m2, double count, double other_mean, double other_m2) {
    double total = *n + count, delta = other_mean - *mean;
    *mean += delta * count / total;
    *m2 += other_m2 + delta * delta * *n * count / total;
    *n = total;
}

// Computes the moments of `rows` periods, lane by lane, and merges them into the moments of the `seen` periods before.
INLINE void merge_block(const float *x, size_t rows, size_t period, double seen, float *scratch, double *wide) {
    float *centre = scratch, *first = centre + period, *second = first + period;
    memset(scratch, 0, 3 * period * sizeof *scratch);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < period; i += LANES) store(centre + i, load(centre + i) + load(x + row * period + i));
    for (size_t i = 0; i < period; i += LANES) store(centre + i, load(centre + i) / (float)rows);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < period; i += LANES) {
            vf d = load(x + row * period + i) - load(centre + i);
            store(first + i, load(first + i) + d);
            store(second + i, load(second + i) + d * d);
        }
    double n = (double)rows, *mean = wide, *m2 = wide + period;
    double share = n / (seen + n), weight = seen * share;
    for (size_t i = 0; i < period; i++) {
        // The centre in float is not quite the mean; the difference is computed from Σ d.
        double miss = (double)first[i] / n, delta = centre[i] + miss - mean[i];
        mean[i] += delta * share;
        m2[i] += second[i] - miss * first[i] + delta * delta * weight;
    }
}

static void norm_statistics(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *wide, double *mean,
    double *m2) {
    memset(wide, 0, 2 * period * sizeof *wide);
    size_t rows = count / period, rest = count - rows * period;
    size_t block = BLOCK / period ? BLOCK / period : 1;
    for (size_t row = 0; row < rows; row += block)
        merge_block(x + row * period, least(block, rows - row), period, (double)row, scratch, wide);
    const float *tail = x + rows * period;
    for (size_t c = 0; c < channels; c++) {
        double n = 0, centre = 0, square = 0;
        for (size_t i = c; i < period; i += channels) {
            if (rows) merge_moments(&n, &centre, &square, (double)rows, wide[i], wide[period + i]);
            if (i < rest) merge_moments(&n, &centre, &square, 1, tail[i], 0);
        }
        mean[c] = centre;
        m2[c] = square;
    }
}
