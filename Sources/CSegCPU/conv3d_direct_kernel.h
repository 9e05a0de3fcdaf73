// The direct convolution of a tile.
//
// The tile's input is packed with zeros around it, one plane per channel, so that the pixels of a row are contiguous
// for any stride. A micro-kernel then keeps rows x columns of output pixels times one or two vectors of output channels
// in registers over all channels and taps. With at most four output channels, a vector holds pixels.
#pragma once

#include "conv3d_pack.h"

enum { MAX_PIXELS = 28 };

typedef void (*block_kernel)(
    const float *x, ptrdiff_t plane, ptrdiff_t row, ptrdiff_t channels, const int32_t *offsets, ptrdiff_t taps,
    const float *w, float *out);

// out[pixel][lane] for `rows` x `columns` pixels and `vectors` vectors of output channels.
INLINE void channel_block(
    const int vectors, const int rows, const int columns, const float *x, ptrdiff_t plane, ptrdiff_t row,
    ptrdiff_t channels, const int32_t *offsets, ptrdiff_t taps, const float *w, float *out) {
    vec sum[rows * columns][vectors];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * columns; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) sum[i][v] = 0;
    for (ptrdiff_t c = 0; c < channels; c++, x += plane) {
#pragma clang loop unroll(disable)
        for (ptrdiff_t t = 0; t < taps; t++, w += vectors * VEC_LANES) {
            const float *pixel = x + offsets[t];
            vec weight[vectors];
#pragma clang loop unroll(full)
            for (int v = 0; v < vectors; v++) weight[v] = load_vec(w + v * VEC_LANES);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
                for (int q = 0; q < columns; q++)
#pragma clang loop unroll(full)
                    for (int v = 0; v < vectors; v++) sum[r * columns + q][v] += pixel[r * row + q] * weight[v];
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * columns; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) store_vec(out + (i * vectors + v) * VEC_LANES, sum[i][v]);
}

// channel_block for one vector of output channels when `run` consecutive taps read neighbouring inputs. Each input is
// loaded once for all taps of a run, because loads, not products, limit the speed of a block that is one vector wide.
INLINE void run_block(
    const int run, const int rows, const int columns, const float *x, ptrdiff_t plane, ptrdiff_t row,
    ptrdiff_t channels, const int32_t *offsets, ptrdiff_t taps, const float *w, float *out) {
    vec sum[rows][columns];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int q = 0; q < columns; q++) sum[r][q] = 0;
    for (ptrdiff_t c = 0; c < channels; c++, x += plane) {
#pragma clang loop unroll(disable)
        for (ptrdiff_t t = 0; t < taps; t += run, w += run * VEC_LANES) {
            const float *pixel = x + offsets[t];
            vec weight[run];
#pragma clang loop unroll(full)
            for (int k = 0; k < run; k++) weight[k] = load_vec(w + k * VEC_LANES);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
                for (int i = 0; i < columns + run - 1; i++) {
                    vec value = pixel[r * row + i];
#pragma clang loop unroll(full)
                    for (int k = 0; k < run; k++)
                        if (i - k >= 0 && i - k < columns) sum[r][i - k] += value * weight[k];
                }
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int q = 0; q < columns; q++) store_vec(out + (r * columns + q) * VEC_LANES, sum[r][q]);
}

// out[row][output channel][pixel] for `vectors` vectors of pixels along `rows` rows.
INLINE void pixel_block(
    const int outputs, const int rows, const int vectors, const float *x, ptrdiff_t plane, ptrdiff_t row,
    ptrdiff_t channels, const int32_t *offsets, ptrdiff_t taps, const float *w, float *out) {
    vec sum[rows * outputs][vectors];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * outputs; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) sum[i][v] = 0;
    for (ptrdiff_t c = 0; c < channels; c++, x += plane) {
#pragma clang loop unroll(disable)
        for (ptrdiff_t t = 0; t < taps; t++, w += outputs) {
            const float *pixel = x + offsets[t];
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
                for (int v = 0; v < vectors; v++) {
                    vec value = load_vec(pixel + r * row + v * VEC_LANES);
#pragma clang loop unroll(full)
                    for (int o = 0; o < outputs; o++) sum[r * outputs + o][v] += w[o] * value;
                }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * outputs; i++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) store_vec(out + (i * vectors + v) * VEC_LANES, sum[i][v]);
}

typedef struct {
    int vectors, run, rows, columns;
    block_kernel kernel;
} channel_kernel;

// clang-format off
#define EACH_CHANNEL_BLOCK(X) \
    X(2, 1, 14) X(2, 1, 13) X(2, 1, 12) X(2, 1, 10) X(2, 1, 8) X(2, 1, 7) X(2, 1, 6) X(2, 1, 5) X(2, 1, 4) \
    X(2, 1, 3) X(2, 1, 2) X(2, 1, 1) X(2, 2, 7) X(2, 2, 6) X(2, 2, 5) X(2, 2, 4) X(2, 2, 3) X(2, 2, 2) X(2, 3, 4) \
    X(2, 4, 3) X(2, 4, 2) X(2, 4, 1) X(2, 6, 2) X(2, 2, 1) X(2, 3, 2) X(2, 3, 1) \
    X(1, 1, 28) X(1, 1, 24) X(1, 1, 20) X(1, 1, 16) X(1, 1, 14) X(1, 1, 12) X(1, 1, 10) X(1, 1, 8) X(1, 1, 6) \
    X(1, 1, 4) X(1, 1, 3) X(1, 1, 2) X(1, 1, 1) X(1, 2, 14) X(1, 2, 12) X(1, 2, 10) X(1, 2, 8) X(1, 2, 6) \
    X(1, 2, 5) X(1, 2, 4) X(1, 2, 3) X(1, 4, 7) X(1, 4, 6) X(1, 4, 5) X(1, 4, 4) X(1, 4, 3) X(1, 4, 2) X(1, 4, 1) \
    X(1, 2, 2) X(1, 2, 1)
// clang-format on

#define DEFINE_CHANNEL_BLOCK(V, R, Q)                                                                                  \
    static void channel_block_##V##_##R##_##Q(                                                                         \
        const float *x, ptrdiff_t plane, ptrdiff_t row, ptrdiff_t channels, const int32_t *offsets, ptrdiff_t taps,    \
        const float *w, float *out) {                                                                                  \
        channel_block(V, R, Q, x, plane, row, channels, offsets, taps, w, out);                                        \
    }
EACH_CHANNEL_BLOCK(DEFINE_CHANNEL_BLOCK)

// clang-format off
#define EACH_RUN_BLOCK(X) \
    X(2, 1, 24) X(2, 1, 20) X(2, 1, 16) X(2, 1, 12) X(2, 1, 8) X(2, 2, 12) X(2, 2, 8) X(2, 2, 6) X(2, 4, 6) \
    X(2, 4, 4) X(2, 4, 3) X(2, 4, 1) \
    X(3, 1, 24) X(3, 1, 20) X(3, 1, 16) X(3, 1, 12) X(3, 1, 8) X(3, 2, 12) X(3, 2, 8) X(3, 2, 6) X(3, 4, 6) \
    X(3, 4, 4) X(3, 4, 3) X(3, 4, 1) \
    X(5, 1, 24) X(5, 1, 20) X(5, 1, 16) X(5, 1, 12) X(5, 1, 8) X(5, 2, 12) X(5, 2, 8) X(5, 2, 6) X(5, 4, 6) \
    X(5, 4, 4) X(5, 4, 3) X(5, 4, 1)
// clang-format on

#define DEFINE_RUN_BLOCK(N, R, Q)                                                                                      \
    static void run_block_##N##_##R##_##Q(                                                                             \
        const float *x, ptrdiff_t plane, ptrdiff_t row, ptrdiff_t channels, const int32_t *offsets, ptrdiff_t taps,    \
        const float *w, float *out) {                                                                                  \
        run_block(N, R, Q, x, plane, row, channels, offsets, taps, w, out);                                            \
    }
EACH_RUN_BLOCK(DEFINE_RUN_BLOCK)

#define LIST_CHANNEL_BLOCK(V, R, Q) {V, 1, R, Q, channel_block_##V##_##R##_##Q},
#define LIST_RUN_BLOCK(N, R, Q) {1, N, R, Q, run_block_##N##_##R##_##Q},
static const channel_kernel channel_kernels[] = {EACH_CHANNEL_BLOCK(LIST_CHANNEL_BLOCK) EACH_RUN_BLOCK(LIST_RUN_BLOCK)};

// clang-format off
#define EACH_PIXEL_BLOCK(X) \
    X(1, 1, 1) X(1, 1, 2) X(1, 1, 3) X(1, 1, 6) X(1, 2, 3) X(1, 4, 3) X(1, 2, 2) X(1, 4, 2) X(1, 4, 1) X(1, 2, 6) \
    X(2, 1, 1) X(2, 1, 2) X(2, 1, 3) X(2, 1, 6) X(2, 2, 3) X(2, 4, 3) X(2, 2, 2) X(2, 4, 2) X(2, 4, 1) X(2, 2, 1) \
    X(3, 1, 1) X(3, 1, 2) X(3, 1, 3) X(3, 1, 6) X(3, 2, 3) X(3, 2, 2) X(3, 4, 1) X(3, 2, 1) \
    X(4, 1, 1) X(4, 1, 2) X(4, 1, 3) X(4, 1, 6) X(4, 2, 3) X(4, 2, 2) X(4, 4, 1) X(4, 2, 1)
// clang-format on

#define DEFINE_PIXEL_BLOCK(O, R, V)                                                                                    \
    static void pixel_block_##O##_##R##_##V(                                                                           \
        const float *x, ptrdiff_t plane, ptrdiff_t row, ptrdiff_t channels, const int32_t *offsets, ptrdiff_t taps,    \
        const float *w, float *out) {                                                                                  \
        pixel_block(O, R, V, x, plane, row, channels, offsets, taps, w, out);                                          \
    }
EACH_PIXEL_BLOCK(DEFINE_PIXEL_BLOCK)

typedef struct {
    int outputs, rows, vectors;
    block_kernel run;
} pixel_kernel;

#define LIST_PIXEL_BLOCK(O, R, V) {O, R, V, pixel_block_##O##_##R##_##V},
static const pixel_kernel pixel_kernels[] = {EACH_PIXEL_BLOCK(LIST_PIXEL_BLOCK)};

// A kernel for rows x columns of output pixels, and the sizes of its block.
typedef struct {
    block_kernel run;
    ptrdiff_t rows, columns;
    ptrdiff_t pixel, lane; // floats between pixels and between output channels of its output
} block_choice;

// The block with the minimum estimated time, from its multiply-adds, its broadcasts, and a constant for its start and
// end.
static block_choice choose_channel_block(ptrdiff_t vectors, ptrdiff_t run, ptrdiff_t height, ptrdiff_t width) {
    block_choice best = {0};
    double least = 0;
    for (size_t i = 0; i < COUNT(channel_kernels); i++) {
        const channel_kernel *k = &channel_kernels[i];
        int pixels = k->rows * k->columns;
        if (k->vectors != vectors || k->run != run || pixels * vectors > ACCUMULATORS) continue;
        double blocks = (double)((height + k->rows - 1) / k->rows) * (double)((width + k->columns - 1) / k->columns);
        double work = larger(pixels * vectors, 8) + 1.5;
        if (best.run && blocks * work >= least) continue;
        least = blocks * work;
        best = (block_choice){k->kernel, k->rows, k->columns, vectors * VEC_LANES, 1};
    }
    return best;
}

static block_choice choose_pixel_block(ptrdiff_t outputs, ptrdiff_t height, ptrdiff_t width) {
    block_choice best = {0};
    double least = 0;
    for (size_t i = 0; i < COUNT(pixel_kernels); i++) {
        const pixel_kernel *k = &pixel_kernels[i];
        int vectors = k->rows * k->vectors, sums = k->outputs * vectors;
        if (k->outputs != outputs || (vectors > 1 && sums > ACCUMULATORS)) continue;
        ptrdiff_t columns = (ptrdiff_t)k->vectors * VEC_LANES;
        double blocks = (double)((height + k->rows - 1) / k->rows) * (double)((width + columns - 1) / columns);
        // Most vectors of pixels cross a cache line, which halves the speed of loads.
        double work = blocks * ((double)larger(larger(sums, 2 * vectors), 8) + 2);
        if (best.run && work >= least) continue;
        least = work;
        best = (block_choice){k->run, k->rows, columns, 1, columns};
    }
    return best;
}

// Writes `width` pixels of a row of a block; adds the bias if it is not NULL, and the previous contents on request.
INLINE void write_row(
    const float *block, ptrdiff_t pixel, ptrdiff_t lane, ptrdiff_t width, ptrdiff_t lanes, const float *bias,
    bool accumulate, float *y, ptrdiff_t step) {
    if (lane == 1 && lanes % VEC_LANES == 0) {
        for (ptrdiff_t v = 0; v < lanes; v += VEC_LANES) {
            vec b = bias ? load_vec(bias + v) : (vec)0;
            for (ptrdiff_t i = 0; i < width; i++) {
                float *p = y + i * step + v;
                vec value = load_vec(block + i * pixel + v) + b;
                store_vec(p, accumulate ? load_vec(p) + value : value);
            }
        }
        return;
    }
    for (ptrdiff_t o = 0; o < lanes; o++) {
        float b = bias ? bias[o] : 0;
        const float *from = block + o * lane;
        if (accumulate)
            for (ptrdiff_t i = 0; i < width; i++) y[i * step + o] += from[i * pixel] + b;
        else
            for (ptrdiff_t i = 0; i < width; i++) y[i * step + o] = from[i * pixel] + b;
    }
}

// One phase of a packed tile for one panel of output channels.
static void phase_panel(
    const segcpu_conv3d *g, const segcpu_conv3d_phase *phase, const ptrdiff_t start[3], const ptrdiff_t size[3],
    ptrdiff_t panel, ptrdiff_t first, ptrdiff_t count, block_choice choice, const float *packed, float *y) {
    float block[MAX_PIXELS * VEC_LANES] __attribute__((aligned(64)));
    ptrdiff_t outputs = smaller(g->panel, g->out_channels - panel * g->panel);
    ptrdiff_t line = g->input.step[2] * g->input.rows[2];
    ptrdiff_t row = g->input.step[1] * line, slab = g->input.step[0] * g->input.rows[1] * line;
    const float *weights = phase->weights + (panel * g->input.channels + first) * phase->taps * g->panel;
    const float *bias = g->bias && first == 0 ? g->bias + panel * g->panel : NULL;
    bool accumulate = g->accumulate || first > 0;
    ptrdiff_t stored = g->panel >= VEC_LANES ? choice.pixel : g->panel; // floats of a pixel in a block
    for (ptrdiff_t d = 0; d < size[0]; d++)
        for (ptrdiff_t h = 0; h < size[1]; h += choice.rows)
            for (ptrdiff_t w = 0; w < size[2]; w += choice.columns) {
                const float *x = packed + d * slab + h * row + w;
                choice.run(x, g->input.plane, row, count, phase->offsets, phase->taps, weights, block);
                ptrdiff_t width = smaller(choice.columns, size[2] - w);
                for (ptrdiff_t r = 0; r < smaller(choice.rows, size[1] - h); r++) {
                    ptrdiff_t od = phase->origin[0] + (start[0] + d) * g->out_step[0];
                    ptrdiff_t oh = phase->origin[1] + (start[1] + h + r) * g->out_step[1];
                    ptrdiff_t ow = phase->origin[2] + (start[2] + w) * g->out_step[2];
                    write_row(
                        block + r * choice.columns * stored, choice.pixel, choice.lane, width, outputs, bias,
                        accumulate, y + ((od * g->out[1] + oh) * g->out[2] + ow) * g->y_pixel + panel * g->panel,
                        g->out_step[2] * g->y_pixel);
                }
            }
}

static void conv3d_tile(
    const segcpu_conv3d *g, ptrdiff_t sample, const ptrdiff_t start[3], ptrdiff_t first, ptrdiff_t end,
    float *scratch) {
    for (ptrdiff_t c = 0; c < g->input.channels; c += g->block) {
        ptrdiff_t count = smaller(g->block, g->input.channels - c);
        pack_planes(&g->input, sample, start, c, count, scratch);
        for (ptrdiff_t panel = first; panel < end; panel++)
            for (ptrdiff_t p = 0; p < g->phase_count; p++) {
                const segcpu_conv3d_phase *phase = &g->phases[p];
                ptrdiff_t size[3];
                for (int a = 0; a < 3; a++) size[a] = smaller(g->tile[a], phase->count[a] - start[a]);
                if (size[0] <= 0 || size[1] <= 0 || size[2] <= 0) continue;
                // Wider panels need few loads, and runs of other lengths are rare.
                bool runs = g->panel == VEC_LANES && (phase->run == 2 || phase->run == 3 || phase->run == 5);
                ptrdiff_t run = runs ? phase->run : 1;
                block_choice choice = g->panel >= VEC_LANES
                    ? choose_channel_block(g->panel / VEC_LANES, run, size[1], size[2])
                    : choose_pixel_block(g->panel, size[1], size[2]);
                phase_panel(g, phase, start, size, panel, c, count, choice, scratch, g->y + sample * g->y_sample);
            }
    }
}
