// The transform of Winograd's weights.
#pragma once

#include "segcpu_conv3d_winograd.h"

#include "conv3d_pack.h"
#include "conv3d_phase_transform.h"

// Transforms the weights of one axis; `points` is the number of points of the weights.
INLINE void transform_line(const int points, const int taps, const vec *w, vec *out) {
    if (points == PHASE_WEIGHTS) phase_filter(w, out);
    else filter_transform(points, taps, w, out);
}

// The number of vectors of output channels that are transformed together: they fill a cache line, or a panel.
enum { WEIGHT_VECTORS = VEC_LANES == 16 ? 1 : 2 };

// Transforms at most WEIGHT_VECTORS vectors of output channels: out[matrix * step] from taps[vector][tap][lane]. Stores
// bypass the caches, which would evict large weights before they are read. The stores of a cache line follow one
// another, because a line that is written in halves takes many times as long.
INLINE void transform_taps(
    const int points, const int taps, int vectors, const float *from, float *out, ptrdiff_t step) {
    vec planes[WEIGHT_VECTORS][MOST_POINTS][MOST_TAPS][MOST_TAPS];
#pragma clang loop unroll(disable)
    for (int v = 0; v < vectors; v++, from += taps * taps * taps * VEC_LANES)
#pragma clang loop unroll(disable)
        for (int i = 0; i < taps * taps; i++) {
            vec line[MOST_TAPS], transformed[MOST_POINTS];
#pragma clang loop unroll(full)
            for (int d = 0; d < taps; d++) line[d] = load_vec(from + (d * taps * taps + i) * VEC_LANES);
            transform_line(points, taps, line, transformed);
#pragma clang loop unroll(full)
            for (int d = 0; d < points; d++) planes[v][d][i / taps][i % taps] = transformed[d];
        }
#pragma clang loop unroll(disable)
    for (int d = 0; d < points; d++) {
        vec rows[WEIGHT_VECTORS][MOST_POINTS][MOST_TAPS];
#pragma clang loop unroll(disable)
        for (int v = 0; v < vectors; v++)
#pragma clang loop unroll(full)
            for (int w = 0; w < taps; w++) {
                vec line[MOST_TAPS], transformed[MOST_POINTS];
#pragma clang loop unroll(full)
                for (int h = 0; h < taps; h++) line[h] = planes[v][d][h][w];
                transform_line(points, taps, line, transformed);
#pragma clang loop unroll(full)
                for (int h = 0; h < points; h++) rows[v][h][w] = transformed[h];
            }
#pragma clang loop unroll(disable)
        for (int h = 0; h < points; h++)
#pragma clang loop unroll(disable)
            for (int v = 0; v < vectors; v++) {
                vec transformed[MOST_POINTS];
                transform_line(points, taps, rows[v][h], transformed);
                float *to = out + (d * points + h) * points * step + v * VEC_LANES;
#pragma clang loop unroll(full)
                for (int w = 0; w < points; w++) __builtin_nontemporal_store(transformed[w], (vec *)(to + w * step));
            }
    }
}

typedef void (*taps_kernel)(int vectors, const float *from, float *out, ptrdiff_t step);

#define DEFINE_TAPS(P, R)                                                                                              \
    static void transform_taps_##P##_##R(int vectors, const float *from, float *out, ptrdiff_t step) {                 \
        transform_taps(P, R, vectors, from, out, step);                                                                \
    }
DEFINE_TAPS(4, 3)
DEFINE_TAPS(5, 3)
DEFINE_TAPS(6, 3)
DEFINE_TAPS(6, 5)
DEFINE_TAPS(8, 5)

static taps_kernel choose_taps_kernel(segcpu_winograd_form form) {
    switch (form.points) {
    case 4: return transform_taps_4_3;
    case 6: return form.outputs == 4 ? transform_taps_6_3 : transform_taps_6_5;
    case PHASE_POINTS: return transform_taps_5_3;
    default: return transform_taps_8_5;
    }
}

// Packs taps[tap][lane] of one input channel and at most a vector of output channels.
static void pack_taps(
    const float *weights, ptrdiff_t out_stride, ptrdiff_t channels, int count, bool flipped, float *taps) {
    pack_row(weights, out_stride, channels, count, taps, VEC_LANES);
    if (!flipped) return;
    for (int i = 0; i < count / 2; i++) {
        vec head = load_vec(taps + i * VEC_LANES), tail = load_vec(taps + (count - 1 - i) * VEC_LANES);
        store_vec(taps + i * VEC_LANES, tail);
        store_vec(taps + (count - 1 - i) * VEC_LANES, head);
    }
}

// The order of the output is [matrix][panel][input channel][output channel of the panel].
static void winograd_transform_weights(
    const segcpu_winograd *g, const float *weights, ptrdiff_t out_stride, ptrdiff_t in_stride, bool flipped,
    ptrdiff_t from, ptrdiff_t to, float *transformed) {
    float taps[WEIGHT_VECTORS * MOST_TAPS * MOST_TAPS * MOST_TAPS * VEC_LANES] __attribute__((aligned(64)));
    int side = segcpu_winograd_taps(g->form), count = side * side * side;
    ptrdiff_t panel = 2 * VEC_LANES;
    taps_kernel transform = choose_taps_kernel(g->form);
    for (ptrdiff_t o = 0; o < g->out_channels; o += WEIGHT_VECTORS * VEC_LANES) {
        ptrdiff_t start = o / panel * panel, width = smaller(panel, round_up(g->out_channels, VEC_LANES) - start);
        ptrdiff_t left = g->out_channels - o, vectors = smaller(WEIGHT_VECTORS, (left + VEC_LANES - 1) / VEC_LANES);
        if (left < vectors * VEC_LANES) memset(taps, 0, sizeof taps);
        for (ptrdiff_t c = from; c < to; c++) {
            for (ptrdiff_t v = 0; v < vectors; v++)
                pack_taps(
                    weights + (o + v * VEC_LANES) * out_stride + c * in_stride, out_stride,
                    smaller(VEC_LANES, left - v * VEC_LANES), count, flipped, taps + v * count * VEC_LANES);
            float *out = transformed + start * g->channels + c * width + o - start;
            transform((int)vectors, taps, out, segcpu_winograd_step(g));
        }
    }
    // Stores that bypass the caches are not ordered with other stores, and other threads read these weights.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
