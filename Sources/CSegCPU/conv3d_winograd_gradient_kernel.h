// The weight gradient of Winograd's convolution: the transpose of the convolution.
//
// With y = A' ((G w) * (B' x)), the gradient is G' ((A dy) * (B' x)), summed over cubes before G' is applied once.
#pragma once

#include "conv3d_pack.h"
#include "conv3d_phase_transform.h"
#include "conv3d_winograd_kernel.h"

// Transforms a cube of output gradients for one vector of channels and one pair of points along d.
INLINE void transform_upstream(
    const int points, const int outputs, const int pair, const cube_input *dy, ptrdiff_t channel, float *out,
    ptrdiff_t step) {
    const ptrdiff_t pixel = dy->pixel, end = dy->to[2];
    vec plane[2][MOST_OUTPUTS][MOST_POINTS];
#pragma clang loop unroll(disable)
    for (int h = 0; h < outputs; h++) {
        vec first[MOST_OUTPUTS], second[MOST_OUTPUTS];
        const float *rows[MOST_OUTPUTS];
        find_rows(outputs, dy, h, channel, rows);
        const bool inside = h < dy->to[1];
#pragma clang loop unroll(full)
        for (int w = 0; w < outputs; w++) {
            vec line[MOST_OUTPUTS], transformed[MOST_POINTS];
            first[w] = second[w] = 0;
            if (!inside || w >= end) continue;
#pragma clang loop unroll(full)
            for (int d = 0; d < outputs; d++) line[d] = load_vec(rows[d] + w * pixel);
            output_adjoint(points, outputs, line, transformed);
            first[w] = transformed[2 * pair];
            second[w] = transformed[2 * pair + 1];
        }
        output_adjoint(points, outputs, first, plane[0][h]);
        output_adjoint(points, outputs, second, plane[1][h]);
    }
#pragma clang loop unroll(disable)
    for (int s = 0; s < 2; s++)
#pragma clang loop unroll(disable)
        for (int w = 0; w < points; w++) {
            vec column[MOST_OUTPUTS], transformed[MOST_POINTS];
#pragma clang loop unroll(full)
            for (int h = 0; h < outputs; h++) column[h] = plane[s][h][w];
            output_adjoint(points, outputs, column, transformed);
            float *to = out + (s * points * points + w) * step;
#pragma clang loop unroll(full)
            for (int h = 0; h < points; h++) store_vec(to + h * points * step, transformed[h]);
        }
}

#define DEFINE_UPSTREAM(P, M, PAIR)                                                                                    \
    static void transform_upstream_##P##_##M##_##PAIR(                                                                 \
        const cube_input *dy, ptrdiff_t channel, float *out, ptrdiff_t step) {                                         \
        transform_upstream(P, M, PAIR, dy, channel, out, step);                                                        \
    }
DEFINE_UPSTREAM(4, 2, 0)
DEFINE_UPSTREAM(4, 2, 1)
DEFINE_UPSTREAM(6, 4, 0)
DEFINE_UPSTREAM(6, 4, 1)
DEFINE_UPSTREAM(6, 4, 2)
DEFINE_UPSTREAM(6, 2, 0)
DEFINE_UPSTREAM(6, 2, 1)
DEFINE_UPSTREAM(6, 2, 2)
DEFINE_UPSTREAM(8, 4, 0)
DEFINE_UPSTREAM(8, 4, 1)
DEFINE_UPSTREAM(8, 4, 2)
DEFINE_UPSTREAM(8, 4, 3)

static const input_kernel upstreams_4_2[] = {transform_upstream_4_2_0, transform_upstream_4_2_1};
static const input_kernel upstreams_6_4[] = {
    transform_upstream_6_4_0, transform_upstream_6_4_1, transform_upstream_6_4_2};
static const input_kernel upstreams_6_2[] = {
    transform_upstream_6_2_0, transform_upstream_6_2_1, transform_upstream_6_2_2};
static const input_kernel upstreams_8_4[] = {
    transform_upstream_8_4_0, transform_upstream_8_4_1, transform_upstream_8_4_2, transform_upstream_8_4_3};

static const input_kernel *upstream_kernels(segcpu_winograd_form form) {
    switch (form.points) {
    case 4: return upstreams_4_2;
    case 6: return form.outputs == 4 ? upstreams_6_4 : upstreams_6_2;
    default: return upstreams_8_4;
    }
}

static void winograd_gradient_cubes(
    const segcpu_winograd *g, int pair, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from,
    ptrdiff_t to, bool overwrite, float *sums, float *scratch) {
    ptrdiff_t matrices = 2 * g->form.points * g->form.points, width = to - from;
    ptrdiff_t in_step = g->block * g->channels + WINOGRAD_GAP, out_step = g->block * width + WINOGRAD_GAP;
    float *inputs = scratch, *gradients = inputs + matrices * in_step;
    float *zeros = gradients + matrices * out_step, *more_zeros = zeros + g->form.points * g->x_pixel;
    memset(more_zeros, 0, sizeof(float) * (size_t)(g->form.outputs * g->y_pixel));
    cube_source source = input_source(g, sample, zeros);
    cube_source upstream = {g->y + sample * g->y_sample + from, g->out, g->y_pixel, more_zeros};
    input_kernel transform = upstream_kernels(g->form)[pair];
    cube_input cube;
    for (ptrdiff_t end = first + count; first < end; first += g->block) {
        count = smaller(g->block, end - first);
        transform_inputs(g, &source, first, count, input_kernels(g->form)[pair], inputs, in_step);
        for (ptrdiff_t i = 0; i < count; i++) {
            ptrdiff_t start[3];
            cube_start(g, first + i, start);
            find_cube(&upstream, g->form.outputs, start, &cube);
            for (ptrdiff_t c = 0; c < width; c += VEC_LANES) transform(&cube, c, gradients + i * width + c, out_step);
        }
        for (ptrdiff_t m = 0; m < matrices; m++)
            for (ptrdiff_t o = 0; o < width; o += 2 * VEC_LANES) {
                gemm_operands product = {
                    .a = inputs + m * in_step,
                    .a_step = g->channels,
                    .b = gradients + m * out_step + o,
                    .b_step = width,
                    .depth = count,
                    .chunk = winograd_chunk(g->form),
                    .c_row = g->out_channels,
                    .add = !overwrite,
                    .c = sums + (pair * matrices + m) * segcpu_winograd_step(g) + from + o};
                gemm_panel(width - o >= 2 * VEC_LANES ? 2 : 1, g->channels, true, product);
            }
        overwrite = false;
    }
}

// Computes, on one axis, the gradients of the taps from the gradients of the weights' points.
INLINE void transform_line_of_sums(const int points, const int taps, const vec *g, vec *out) {
    if (points == PHASE_WEIGHTS) phase_filter_adjoint(g, out);
    else filter_adjoint(points, taps, g, out);
}

// Computes taps[tap][lane] from `parts` sums of one vector of output channels, whose matrices are `step` floats apart.
INLINE void transform_sums(
    const int points, const int taps, const float *sums, ptrdiff_t step, ptrdiff_t parts, float *out) {
    const ptrdiff_t part = (ptrdiff_t)points * points * points * step;
    vec planes[MOST_POINTS][MOST_TAPS][MOST_TAPS];
#pragma clang loop unroll(disable)
    for (int d = 0; d < points; d++) {
        vec rows[MOST_POINTS][MOST_TAPS];
#pragma clang loop unroll(disable)
        for (int h = 0; h < points; h++) {
            vec line[MOST_POINTS];
            const float *from = sums + (d * points + h) * points * step;
#pragma clang loop unroll(full)
            for (int w = 0; w < points; w++) line[w] = load_vec(from + w * step);
            for (ptrdiff_t p = 1; p < parts; p++)
#pragma clang loop unroll(full)
                for (int w = 0; w < points; w++) line[w] += load_vec(from + w * step + p * part);
            transform_line_of_sums(points, taps, line, rows[h]);
        }
#pragma clang loop unroll(full)
        for (int w = 0; w < taps; w++) {
            vec column[MOST_POINTS], transformed[MOST_TAPS];
#pragma clang loop unroll(full)
            for (int h = 0; h < points; h++) column[h] = rows[h][w];
            transform_line_of_sums(points, taps, column, transformed);
#pragma clang loop unroll(full)
            for (int h = 0; h < taps; h++) planes[d][h][w] = transformed[h];
        }
    }
#pragma clang loop unroll(disable)
    for (int i = 0; i < taps * taps; i++) {
        vec column[MOST_POINTS], transformed[MOST_TAPS];
#pragma clang loop unroll(full)
        for (int d = 0; d < points; d++) column[d] = planes[d][i / taps][i % taps];
        transform_line_of_sums(points, taps, column, transformed);
#pragma clang loop unroll(full)
        for (int d = 0; d < taps; d++) store_vec(out + (d * taps * taps + i) * VEC_LANES, transformed[d]);
    }
}

typedef void (*sums_kernel)(const float *sums, ptrdiff_t step, ptrdiff_t parts, float *out);

#define DEFINE_SUMS(P, R)                                                                                              \
    static void transform_sums_##P##_##R(const float *sums, ptrdiff_t step, ptrdiff_t parts, float *out) {             \
        transform_sums(P, R, sums, step, parts, out);                                                                  \
    }
DEFINE_SUMS(4, 3)
DEFINE_SUMS(5, 3)
DEFINE_SUMS(6, 3)
DEFINE_SUMS(6, 5)
DEFINE_SUMS(8, 5)

static sums_kernel choose_sums_kernel(segcpu_winograd_form form) {
    switch (form.points) {
    case 4: return transform_sums_4_3;
    case 6: return form.outputs == 4 ? transform_sums_6_3 : transform_sums_6_5;
    case PHASE_POINTS: return transform_sums_5_3;
    default: return transform_sums_8_5;
    }
}

static void winograd_gradient_taps(
    const segcpu_winograd *g, const float *sums, ptrdiff_t parts, ptrdiff_t from, ptrdiff_t to, float *gradient,
    bool accumulate) {
    float taps[MOST_TAPS * MOST_TAPS * MOST_TAPS * VEC_LANES] __attribute__((aligned(64)));
    float rows[MOST_TAPS * MOST_TAPS * MOST_TAPS * VEC_LANES];
    int side = segcpu_winograd_taps(g->form), count = side * side * side;
    sums_kernel transform = choose_sums_kernel(g->form);
    for (ptrdiff_t o = 0; o < g->out_channels; o += VEC_LANES)
        for (ptrdiff_t c = from; c < to; c++) {
            transform(sums + c * g->out_channels + o, segcpu_winograd_step(g), parts, taps);
            pack_row(taps, VEC_LANES, count, VEC_LANES, rows, count);
            for (int i = 0; i < VEC_LANES; i++) {
                float *out = gradient + ((o + i) * g->channels + c) * count;
                if (accumulate)
                    for (int t = 0; t < count; t++) out[t] += rows[i * count + t];
                else memcpy(out, rows + i * count, sizeof(float) * (size_t)count);
            }
        }
}
