// The weight gradient of a convolution of three taps per axis and stride 2 by phases: the transpose of
// conv3d_phase_kernel.h.
#pragma once

#include "conv3d_phase_kernel.h"
#include "conv3d_winograd_gradient_kernel.h"

// Transforms a cube of output gradients to the plane of one point along d, for one vector of channels.
INLINE void transform_phase_upstream(int point, const cube_input *dy, ptrdiff_t channel, float *const *out) {
    const ptrdiff_t pixel = dy->pixel, end = dy->to[2];
    vec plane[PHASE_OUTPUTS][PHASE_POINTS];
#pragma clang loop unroll(disable)
    for (int h = 0; h < PHASE_OUTPUTS; h++) {
        vec line[PHASE_OUTPUTS];
        const float *rows[PHASE_OUTPUTS];
        find_rows(PHASE_OUTPUTS, dy, h, channel, rows);
        const bool inside = h < dy->to[1];
#pragma clang loop unroll(full)
        for (int w = 0; w < PHASE_OUTPUTS; w++) {
            line[w] = 0;
            if (!inside || w >= end) continue;
            if (point >= PLAIN) line[w] = load_vec(rows[point - PLAIN] + w * pixel);
            else
#pragma clang loop unroll(full)
                for (int d = 0; d < PHASE_OUTPUTS; d++)
                    line[w] += phase_share[point][d] * load_vec(rows[d] + w * pixel);
        }
        phase_adjoint(line, plane[h]);
    }
#pragma clang loop unroll(disable)
    for (int w = 0; w < PHASE_POINTS; w++) {
        vec column[PHASE_OUTPUTS], transformed[PHASE_POINTS];
#pragma clang loop unroll(full)
        for (int h = 0; h < PHASE_OUTPUTS; h++) column[h] = plane[h][w];
        phase_adjoint(column, transformed);
#pragma clang loop unroll(full)
        for (int h = 0; h < PHASE_POINTS; h++) store_vec(out[h * PHASE_POINTS + w] + channel, transformed[h]);
    }
}

// Adds the products of a plane's points to the sums of their weights.
static void add_phase_products(
    const segcpu_winograd *g, int point, ptrdiff_t count, ptrdiff_t from, ptrdiff_t width, bool overwrite,
    const float *inputs, const float *gradients, float *sums) {
    int d = point < PLAIN ? point : PLAIN;
    for (int h = 0; h < PHASE_WEIGHTS; h++)
        for (int w = 0; w < PHASE_WEIGHTS; w++) {
            ptrdiff_t number = (d * PHASE_WEIGHTS + h) * PHASE_WEIGHTS + w;
            for (ptrdiff_t o = 0; o < width; o += 2 * VEC_LANES) {
                gemm_operands product = {
                    .a = inputs + phase_start(h, w, g->block, g->channels),
                    .a_step = g->channels,
                    .b = gradients + phase_start(h, w, g->block, width) + o,
                    .b_step = width,
                    .depth = count * phase_width(h) * phase_width(w),
                    .chunk = winograd_chunk(g->form),
                    .c_row = g->out_channels,
                    .add = !overwrite,
                    .c = sums + number * segcpu_winograd_step(g) + from + o};
                gemm_panel(width - o >= 2 * VEC_LANES ? 2 : 1, g->channels, true, product);
            }
        }
}

static void phase_gradient_cubes(
    const segcpu_winograd *g, int depth, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from,
    ptrdiff_t to, bool overwrite, float *sums, float *scratch) {
    ptrdiff_t width = to - from;
    float *inputs = scratch, *gradients = inputs + phase_room(g->block, g->channels);
    float *zeros = gradients + phase_room(g->block, width), *more_zeros = zeros + g->form.points * g->x_pixel;
    memset(more_zeros, 0, sizeof(float) * (size_t)(g->form.outputs * g->y_pixel));
    cube_source source = input_source(g, sample, zeros);
    cube_source upstream = {g->y + sample * g->y_sample + from, g->out, g->y_pixel, more_zeros};
    cube_input cube;
    for (ptrdiff_t end = first + count; first < end; first += g->block) {
        count = smaller(g->block, end - first);
        for (int point = depth; point < (depth == PLAIN ? PHASE_POINTS : depth + 1); point++) {
            transform_phase_inputs(false, g, &source, point, first, count, inputs);
            phase_rows rows = find_phase_rows(gradients, g->block, width);
            for (ptrdiff_t i = 0; i < count; i++, next_cube(&rows)) {
                ptrdiff_t start[3];
                cube_start(g, first + i, start);
                find_cube(&upstream, PHASE_OUTPUTS, start, &cube);
                for (ptrdiff_t c = 0; c < width; c += VEC_LANES) transform_phase_upstream(point, &cube, c, rows.row);
            }
            add_phase_products(g, point, count, from, width, overwrite, inputs, gradients, sums);
            overwrite = false;
        }
    }
}
