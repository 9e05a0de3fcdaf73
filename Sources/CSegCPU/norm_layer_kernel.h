// Layer normalisation: statistics of each row over its channels; see segcpu_norm.h.
#pragma once

#include "norm_kernel.h"

static void layer_statistics(const float *x, size_t rows, size_t channels, float *mean, float *variance) {
    for (size_t row = 0; row < rows; row++, x += channels) {
        vf total = (vf)0.0f;
        for (size_t c = 0; c < channels; c += LANES) total += load_part(x + c, least(LANES, channels - c));
        float centre = horizontal_sum(total) / (float)channels;
        vf first = (vf)0.0f, second = (vf)0.0f;
        for (size_t c = 0; c < channels; c += LANES) {
            size_t lanes = least(LANES, channels - c);
            vf d = keep_lanes(load_part(x + c, lanes) - centre, lanes, 0.0f);
            first += d;
            second += d * d;
        }
        float miss = horizontal_sum(first) / (float)channels;
        mean[row] = centre + miss;
        variance[row] = horizontal_sum(second) / (float)channels - miss * miss;
    }
}

// x̂, the activation's argument and dropout's multiplier at channel c of a row.
INLINE norm_point layer_at(
    const segcpu_norm *p, const float *x, const float *before, const float *kept, float mean, float rstd, size_t c,
    size_t lanes) {
    norm_point at;
    at.hat = (load_part(x + c, lanes) - mean) * rstd;
    at.w = at.hat * load_part(p->weight + c, lanes) + load_part(p->bias + c, lanes);
    at.keep = (vf)1.0f;
    if (kept) at.keep = load(kept);
    else if (p->keep) at.keep = load_part(p->keep + c, lanes);
    at.w *= at.keep;
    if (before) at.w += load_part(before + c, lanes);
    return at;
}

INLINE vf layer_slope(const segcpu_norm *p, size_t c, size_t lanes) {
    return p->slope ? load_part(p->slope + c, lanes) : (vf)0.0f;
}

INLINE float reciprocal_deviation(float variance, float epsilon) {
    return (float)(1 / __builtin_sqrt((double)variance + (double)epsilon));
}

// Runs BODY(c, lanes, kept) over the channels of a row whose first element has this linear index.
#define FOR_ROW(BODY, element)                                                                                         \
    for (size_t tile = 0; tile < channels; tile += TILE) {                                                             \
        size_t end = least(tile + TILE, channels), c = tile;                                                           \
        const float *kept = p->dropout ? keep_tile(p->dropout, (element) + tile, end - tile, buffer) : NULL;           \
        for (; c + LANES <= end; c += LANES) BODY(c, LANES, kept ? kept + (c - tile) : NULL);                          \
        if (c < end) BODY(c, end - c, kept ? kept + (c - tile) : NULL);                                                \
    }

INLINE void layer_forward_as(
    int kind, const segcpu_norm *p, const float *x, const float *mean, const float *variance, float epsilon,
    const float *before, const float *after, float *y, size_t rows, size_t channels, uint64_t element) {
    float buffer[TILE + 64];
    for (size_t row = 0; row < rows; row++) {
        size_t at = row * channels;
        float rstd = reciprocal_deviation(variance[row], epsilon);
#define FORWARD(c, lanes, kept)                                                                                        \
    do {                                                                                                               \
        vf w = layer_at(p, x + at, before ? before + at : NULL, kept, mean[row], rstd, c, lanes).w;                    \
        vf value = activation_value(kind, w, layer_slope(p, c, lanes));                                                \
        if (after) value += load_part(after + at + (c), lanes);                                                        \
        store_part(y + at + (c), value, lanes);                                                                        \
    } while (0)
        FOR_ROW(FORWARD, element + at)
#undef FORWARD
    }
}

static void layer_forward(
    const segcpu_norm *norm, const float *x, const float *mean, const float *variance, float epsilon,
    const float *before, const float *after, float *y, size_t rows, size_t channels, uint64_t element) {
    FOR_ACTIVATION(
        norm->activation, layer_forward_as, norm, x, mean, variance, epsilon, before, after, y, rows, channels, element)
}

INLINE void add_part(float *sum, vf v, size_t lanes) { store_part(sum, load_part(sum, lanes) + v, lanes); }

INLINE void fold_row(float *narrow, double *wide, size_t count) {
    for (size_t i = 0; i < count; i++) {
        wide[i] += narrow[i];
        narrow[i] = 0;
    }
}

// The two projections remove most of the gradient of rows of at most this length: with two channels, only the factor
// 1 - x̂² is left, about epsilon over the variance. Rounding to floats would lose this factor, so these rows are
// projected in doubles, from x itself.
enum { SHORT_ROW = 8 };

INLINE void project_short_row(
    const float *x, const float *g, size_t channels, float epsilon, float *gx, bool accumulate) {
    double mean = 0, variance = 0, centre = 0, slant = 0;
    for (size_t c = 0; c < channels; c++) mean += x[c];
    mean /= (double)channels;
    for (size_t c = 0; c < channels; c++) variance += (x[c] - mean) * (x[c] - mean);
    double rstd = 1 / __builtin_sqrt(variance / (double)channels + (double)epsilon);
    for (size_t c = 0; c < channels; c++) {
        centre += g[c];
        slant += g[c] * (x[c] - mean) * rstd;
    }
    centre /= (double)channels;
    slant /= (double)channels;
    for (size_t c = 0; c < channels; c++) {
        double value = rstd * (g[c] - centre - (x[c] - mean) * rstd * slant);
        gx[c] = (float)(accumulate ? gx[c] + value : value);
    }
}

INLINE void layer_gradient_as(
    int kind, const segcpu_norm *p, const float *x, const float *mean, const float *variance, float epsilon,
    const float *upstream, const float *before, float *g2, float *gx, bool accumulate, size_t rows, size_t channels,
    uint64_t element, float *scratch, double *sums) {
    float buffer[TILE + 64];
    float *zeroth = scratch, *first = zeroth + channels, *slopes = first + channels, *scaled = slopes + channels,
          *hats = scaled + channels;
    for (size_t row = 0; row < rows; row++) {
        size_t at = row * channels;
        float rstd = reciprocal_deviation(variance[row], epsilon);
        vf total = (vf)0.0f, projected = (vf)0.0f;
#define SUMS(c, lanes, kept)                                                                                           \
    do {                                                                                                               \
        norm_point here = layer_at(p, x + at, before ? before + at : NULL, kept, mean[row], rstd, c, lanes);           \
        vf g = load_part(upstream + at + (c), lanes);                                                                  \
        if (kind == SEGCPU_LEAKY_RELU) add_part(slopes + (c), here.w > 0.0f ? (vf)0.0f : g * here.w, lanes);           \
        g *= activation_derivative(kind, here.w, layer_slope(p, c, lanes));                                            \
        if (g2) store_part(g2 + at + (c), g, lanes);                                                                   \
        g = keep_lanes(g * here.keep, lanes, 0.0f);                                                                    \
        add_part(zeroth + (c), g, lanes);                                                                              \
        add_part(first + (c), g * here.hat, lanes);                                                                    \
        g *= load_part(p->weight + (c), lanes);                                                                        \
        total += g;                                                                                                    \
        projected += g * here.hat;                                                                                     \
        store_part(scaled + (c), g, lanes);                                                                            \
        store_part(hats + (c), here.hat, lanes);                                                                       \
    } while (0)
        FOR_ROW(SUMS, element + at)
#undef SUMS
        if (channels <= SHORT_ROW) {
            project_short_row(x + at, scaled, channels, epsilon, gx + at, accumulate);
            if (row % 64 == 63 || row + 1 == rows) fold_row(scratch, sums, 3 * channels);
            continue;
        }
        vf centre = (vf)(horizontal_sum(total) / (float)channels);
        vf slant = (vf)(horizontal_sum(projected) / (float)channels);
        for (size_t c = 0; c < channels; c += LANES) {
            size_t lanes = least(LANES, channels - c);
            vf g = rstd * (load_part(scaled + c, lanes) - centre - load_part(hats + c, lanes) * slant);
            if (accumulate) g += load_part(gx + at + c, lanes);
            store_part(gx + at + c, g, lanes);
        }
        if (row % 64 == 63 || row + 1 == rows) fold_row(scratch, sums, 3 * channels);
    }
}

static void layer_gradient(
    const segcpu_norm *norm, const float *x, const float *mean, const float *variance, float epsilon,
    const float *upstream, const float *before, float *g2, float *gx, bool accumulate, size_t rows, size_t channels,
    uint64_t element, float *scratch, double *sums) {
    memset(scratch, 0, 5 * channels * sizeof *scratch);
    memset(sums, 0, 3 * channels * sizeof *sums);
    FOR_ACTIVATION(
        norm->activation, layer_gradient_as, norm, x, mean, variance, epsilon, upstream, before, g2, gx, accumulate,
        rows, channels, element, scratch, sums)
}
