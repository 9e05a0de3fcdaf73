// The transform of Winograd's weights; included once by each conv3d_kernels_*.c.

// One vector of output channels: out[matrix * step] from taps[tap][lane]. Stores go past the cache, which wide weights
// leave before they are read.
INLINE void transform_taps(const int points, const int taps, const float *from, float *out, ptrdiff_t step) {
    vec planes[MOST_POINTS][MOST_TAPS][MOST_TAPS];
#pragma clang loop unroll(disable)
    for (int i = 0; i < taps * taps; i++) {
        vec line[MOST_TAPS], turned[MOST_POINTS];
#pragma clang loop unroll(full)
        for (int d = 0; d < taps; d++) line[d] = load(from + (d * taps * taps + i) * LANES);
        filter_transform(points, taps, line, turned);
#pragma clang loop unroll(full)
        for (int d = 0; d < points; d++) planes[d][i / taps][i % taps] = turned[d];
    }
#pragma clang loop unroll(disable)
    for (int d = 0; d < points; d++) {
        vec rows[MOST_POINTS][MOST_TAPS];
#pragma clang loop unroll(full)
        for (int w = 0; w < taps; w++) {
            vec line[MOST_TAPS], turned[MOST_POINTS];
#pragma clang loop unroll(full)
            for (int h = 0; h < taps; h++) line[h] = planes[d][h][w];
            filter_transform(points, taps, line, turned);
#pragma clang loop unroll(full)
            for (int h = 0; h < points; h++) rows[h][w] = turned[h];
        }
#pragma clang loop unroll(full)
        for (int h = 0; h < points; h++) {
            vec turned[MOST_POINTS];
            filter_transform(points, taps, rows[h], turned);
#pragma clang loop unroll(full)
            for (int w = 0; w < points; w++)
                __builtin_nontemporal_store(turned[w], (vec *)(out + ((d * points + h) * points + w) * step));
        }
    }
}

typedef void (*taps_kernel)(const float *from, float *out, ptrdiff_t step);

#define DEFINE_TAPS(P, R) \
    static void transform_taps_##P##_##R(const float *from, float *out, ptrdiff_t step) { \
        transform_taps(P, R, from, out, step); \
    }
DEFINE_TAPS(4, 3) DEFINE_TAPS(6, 3) DEFINE_TAPS(6, 5) DEFINE_TAPS(8, 5)

static taps_kernel choose_taps_kernel(segcpu_winograd_form form) {
    switch (form.points) {
    case 4: return transform_taps_4_3;
    case 6: return form.outputs == 4 ? transform_taps_6_3 : transform_taps_6_5;
    default: return transform_taps_8_5;
    }
}

// Matrices follow one another as [panel][input channel][output channel of the panel].
static void winograd_transform_weights(
    const segcpu_winograd *g, const float *weights, ptrdiff_t out_stride, ptrdiff_t in_stride, bool turned,
    ptrdiff_t from, ptrdiff_t to, float *transformed) {
    float taps[MOST_TAPS * MOST_TAPS * MOST_TAPS * LANES] __attribute__((aligned(64)));
    int side = g->form.points - g->form.outputs + 1, count = side * side * side;
    ptrdiff_t panel = 2 * LANES;
    taps_kernel transform = choose_taps_kernel(g->form);
    for (ptrdiff_t o = 0; o < g->out_channels; o += LANES) {
        ptrdiff_t start = o / panel * panel, width = smaller(panel, round_up(g->out_channels, LANES) - start);
        ptrdiff_t channels = smaller(LANES, g->out_channels - o);
        if (channels < LANES) memset(taps, 0, sizeof taps);
        for (ptrdiff_t c = from; c < to; c++) {
            const float *source = weights + o * out_stride + c * in_stride;
            pack_row(source, out_stride, channels, count, taps, LANES);
            if (turned)
                for (int i = 0; i < count / 2; i++) {
                    vec head = load(taps + i * LANES), tail = load(taps + (count - 1 - i) * LANES);
                    store(taps + i * LANES, tail);
                    store(taps + (count - 1 - i) * LANES, head);
                }
            transform(taps, transformed + start * g->channels + c * width + o - start, segcpu_winograd_step(g));
        }
    }
    // Such stores are not in order with others, and other threads read them.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
