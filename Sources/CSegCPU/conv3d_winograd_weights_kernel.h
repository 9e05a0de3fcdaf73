// The transform of Winograd's weights.
#pragma once

#include "segcpu_conv3d_winograd.h"

#include "conv3d_pack.h"
#include "conv3d_winograd_transform.h"

// One vector of output channels: out[matrix * step] from taps[tap][lane]. Stores bypass the caches, from
// which wide weights would be evicted before they are read.
INLINE void transform_taps(const int points, const int taps, const float *from, float *out, ptrdiff_t step) {
    vec planes[MOST_POINTS][MOST_TAPS][MOST_TAPS];
#pragma clang loop unroll(disable)
    for (int i = 0; i < taps * taps; i++) {
        vec line[MOST_TAPS], transformed[MOST_POINTS];
#pragma clang loop unroll(full)
        for (int d = 0; d < taps; d++) line[d] = load_vec(from + (d * taps * taps + i) * VEC_LANES);
        filter_transform(points, taps, line, transformed);
#pragma clang loop unroll(full)
        for (int d = 0; d < points; d++) planes[d][i / taps][i % taps] = transformed[d];
    }
#pragma clang loop unroll(disable)
    for (int d = 0; d < points; d++) {
        vec rows[MOST_POINTS][MOST_TAPS];
#pragma clang loop unroll(full)
        for (int w = 0; w < taps; w++) {
            vec line[MOST_TAPS], transformed[MOST_POINTS];
#pragma clang loop unroll(full)
            for (int h = 0; h < taps; h++) line[h] = planes[d][h][w];
            filter_transform(points, taps, line, transformed);
#pragma clang loop unroll(full)
            for (int h = 0; h < points; h++) rows[h][w] = transformed[h];
        }
#pragma clang loop unroll(full)
        for (int h = 0; h < points; h++) {
            vec transformed[MOST_POINTS];
            filter_transform(points, taps, rows[h], transformed);
#pragma clang loop unroll(full)
            for (int w = 0; w < points; w++)
                __builtin_nontemporal_store(transformed[w], (vec *)(out + ((d * points + h) * points + w) * step));
        }
    }
}

typedef void (*taps_kernel)(const float *from, float *out, ptrdiff_t step);

#define DEFINE_TAPS(P, R)                                                                                              \
    static void transform_taps_##P##_##R(const float *from, float *out, ptrdiff_t step) {                              \
        transform_taps(P, R, from, out, step);                                                                         \
    }
DEFINE_TAPS(4, 3)
DEFINE_TAPS(6, 3)
DEFINE_TAPS(6, 5)
DEFINE_TAPS(8, 5)

static taps_kernel choose_taps_kernel(segcpu_winograd_form form) {
    switch (form.points) {
    case 4: return transform_taps_4_3;
    case 6: return form.outputs == 4 ? transform_taps_6_3 : transform_taps_6_5;
    default: return transform_taps_8_5;
    }
}

// Matrices follow one another as [panel][input channel][output channel of the panel].
static void winograd_transform_weights(
    const segcpu_winograd *g, const float *weights, ptrdiff_t out_stride, ptrdiff_t in_stride, bool flipped,
    ptrdiff_t from, ptrdiff_t to, float *transformed) {
    float taps[MOST_TAPS * MOST_TAPS * MOST_TAPS * VEC_LANES] __attribute__((aligned(64)));
    int side = g->form.points - g->form.outputs + 1, count = side * side * side;
    ptrdiff_t panel = 2 * VEC_LANES;
    taps_kernel transform = choose_taps_kernel(g->form);
    for (ptrdiff_t o = 0; o < g->out_channels; o += VEC_LANES) {
        ptrdiff_t start = o / panel * panel, width = smaller(panel, round_up(g->out_channels, VEC_LANES) - start);
        ptrdiff_t channels = smaller(VEC_LANES, g->out_channels - o);
        if (channels < VEC_LANES) memset(taps, 0, sizeof taps);
        for (ptrdiff_t c = from; c < to; c++) {
            const float *source = weights + o * out_stride + c * in_stride;
            pack_row(source, out_stride, channels, count, taps, VEC_LANES);
            if (flipped)
                for (int i = 0; i < count / 2; i++) {
                    vec head = load_vec(taps + i * VEC_LANES), tail = load_vec(taps + (count - 1 - i) * VEC_LANES);
                    store_vec(taps + i * VEC_LANES, tail);
                    store_vec(taps + (count - 1 - i) * VEC_LANES, head);
                }
            transform(taps, transformed + start * g->channels + c * width + o - start, segcpu_winograd_step(g));
        }
    }
    // Stores that bypass the caches are not ordered with others, and other threads read these.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
