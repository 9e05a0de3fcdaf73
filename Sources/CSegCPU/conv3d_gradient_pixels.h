// The weight gradient in the form whose vectors hold pixels, for few output channels.
#pragma once

#include "conv3d_pack.h"

// Both factors of a tile, one plane per channel; the pixels of a row are contiguous.
typedef struct {
    const float *x, *dy;
    ptrdiff_t x_row, x_slab;
    ptrdiff_t dy_row, dy_slab, dy_plane;
    ptrdiff_t size[3]; // pixels; the width is a multiple of the vector size
} gradient_planes;

typedef void (*pixel_gradient_kernel)(
    const gradient_planes *tile, const int32_t *offsets, bool overwrite, float *out, ptrdiff_t step);

// out[output * step + i] for `count` entries (a tap of a channel) and all output channels.
INLINE void pixel_gradient_block(
    const int outputs, const int count, const gradient_planes *tile, const int32_t *offsets, bool overwrite, float *out,
    ptrdiff_t step) {
    vec sum[count][outputs];
#pragma clang loop unroll(full)
    for (int i = 0; i < count; i++)
#pragma clang loop unroll(full)
        for (int o = 0; o < outputs; o++) sum[i][o] = 0;
    for (ptrdiff_t d = 0; d < tile->size[0]; d++)
        for (ptrdiff_t h = 0; h < tile->size[1]; h++) {
            const float *x = tile->x + d * tile->x_slab + h * tile->x_row;
            const float *dy = tile->dy + d * tile->dy_slab + h * tile->dy_row;
            const ptrdiff_t plane = tile->dy_plane, width = tile->size[2];
#pragma clang loop unroll(disable)
            for (ptrdiff_t w = 0; w < width; w += VEC_LANES) {
                vec value[outputs];
#pragma clang loop unroll(full)
                for (int o = 0; o < outputs; o++) value[o] = load_vec(dy + o * plane + w);
#pragma clang loop unroll(full)
                for (int i = 0; i < count; i++) {
                    vec input = load_vec(x + offsets[i] + w);
#pragma clang loop unroll(full)
                    for (int o = 0; o < outputs; o++) sum[i][o] += input * value[o];
                }
            }
        }
#pragma clang loop unroll(full)
    for (int o = 0; o < outputs; o++)
#pragma clang loop unroll(full)
        for (int i = 0; i < count; i++) {
            float lanes[VEC_LANES], total = 0;
            store_vec(lanes, sum[i][o]);
            for (int l = 0; l < VEC_LANES; l++) total += lanes[l];
            out[o * step + i] = overwrite ? total : out[o * step + i] + total;
        }
}

// clang-format off
#define EACH_PIXEL_GRADIENT(X) \
    X(1, 1) X(1, 2) X(1, 3) X(1, 6) X(1, 9) X(2, 1) X(2, 2) X(2, 3) X(2, 6) X(2, 9) X(3, 1) X(3, 2) X(3, 3) X(3, 6) \
    X(4, 1) X(4, 2) X(4, 3) X(4, 6)
// clang-format on

#define DEFINE_PIXEL_GRADIENT(O, N)                                                                                    \
    static void pixel_gradient_##O##_##N(                                                                              \
        const gradient_planes *tile, const int32_t *offsets, bool overwrite, float *out, ptrdiff_t step) {             \
        pixel_gradient_block(O, N, tile, offsets, overwrite, out, step);                                               \
    }
EACH_PIXEL_GRADIENT(DEFINE_PIXEL_GRADIENT)

typedef struct {
    int outputs, count;
    pixel_gradient_kernel run;
} pixel_gradient_choice;

#define LIST_PIXEL_GRADIENT(O, N) {O, N, pixel_gradient_##O##_##N},
static const pixel_gradient_choice pixel_gradients[] = {EACH_PIXEL_GRADIENT(LIST_PIXEL_GRADIENT)};

// The largest block for at most `count` entries.
static pixel_gradient_choice choose_pixel_gradient(ptrdiff_t outputs, ptrdiff_t count) {
    pixel_gradient_choice best = {0};
    for (size_t i = 0; i < COUNT(pixel_gradients); i++) {
        pixel_gradient_choice k = pixel_gradients[i];
        if (k.outputs != outputs || k.count > count || (k.count > 1 && k.count * outputs > ACCUMULATORS)) continue;
        if (k.count > best.count) best = k;
    }
    return best;
}

// Computes entries first_run ..< end_run of a tile in the form whose vectors hold pixels.
static void gradient_by_pixels(
    const segcpu_conv3d_gradient *g, ptrdiff_t sample, const ptrdiff_t start[3], const ptrdiff_t size[3],
    ptrdiff_t first_run, ptrdiff_t end_run, bool overwrite, float *partial, float *scratch) {
    const segcpu_conv3d_input *in = &g->input;
    float *upstream = scratch + in->channels * in->plane + CONV3D_SLACK;
    ptrdiff_t width = round_up(size[2], VEC_LANES), plane = size[0] * size[1] * width;
    pack_planes(in, sample, start, 0, in->channels, scratch);
    for (ptrdiff_t d = 0; d < size[0]; d++)
        for (ptrdiff_t h = 0; h < size[1]; h++) {
            const float *dy = g->dy + sample * g->dy_sample
                + (((start[0] + d) * g->out[1] + start[1] + h) * g->out[2] + start[2]) * g->dy_pixel;
            for (ptrdiff_t o = 0; o < g->out_channels; o++) {
                float *row = upstream + o * plane + (d * size[1] + h) * width;
                for (ptrdiff_t w = 0; w < size[2]; w++) row[w] = dy[w * g->dy_pixel + o];
                for (ptrdiff_t w = size[2]; w < width; w++) row[w] = 0;
            }
        }
    ptrdiff_t line = in->step[2] * in->rows[2];
    gradient_planes tile = {
        .x = scratch,
        .dy = upstream,
        .x_row = in->step[1] * line,
        .x_slab = in->step[0] * in->rows[1] * line,
        .dy_row = width,
        .dy_slab = size[1] * width,
        .dy_plane = plane,
        .size = {size[0], size[1], width}};
    for (ptrdiff_t r = first_run; r < end_run;) {
        pixel_gradient_choice choice = choose_pixel_gradient(g->out_channels, end_run - r);
        choice.run(&tile, g->offsets + r, overwrite, partial + r, g->runs);
        r += choice.count;
    }
}
