// Winograd's convolution of a block of cubes.
//
// For each pair of points along d, the inputs of all cubes are transformed into 2 x points x points matrices
// [cube][channel]. The matrices are multiplied with the transformed weights, and the contribution of the products to
// the outputs is written or added. Only the products of one pair have to stay in the cache. The transformed inputs of
// all pairs are kept if they fit in the cache; otherwise only the inputs of one pair are.
#pragma once

#include "segcpu_conv3d_winograd.h"

#include "conv3d_winograd_transform.h"
#include "gemm_block.h"
#include "sizes.h"

// A cube of inputs, or of gradients of outputs. Positions outside the volume are read as zeros.
typedef struct {
    const float *corner;
    ptrdiff_t slab, row, pixel; // floats from one to the next
    ptrdiff_t from[3], to[3];   // the range inside the volume on each axis
    const float *zeros;         // a row
} cube_input;

typedef struct {
    float *y;
    ptrdiff_t row, slab, pixel;
    ptrdiff_t size[3];  // outputs inside the volume
    ptrdiff_t channels; // number to write: at most a vector
    const float *bias;  // bias of these channels
    bool accumulate;
    float *sums; // sums over the pairs so far, [output][lane]
} cube_output;

typedef void (*input_kernel)(const cube_input *x, ptrdiff_t channel, float *out, ptrdiff_t step);
typedef void (*output_kernel)(const float *products, ptrdiff_t step, const cube_output *to);

// The number of terms in a partial sum of a product. It is smaller for five taps, whose points would amplify the
// rounding of longer sums too much.
static ptrdiff_t winograd_chunk(segcpu_winograd_form form) { return segcpu_winograd_taps(form) == 5 ? 16 : 64; }

// The order of the pairs. The first pair, (1, -1), contributes to every output and sets the sums; the last pair writes
// the outputs. Pair 0 contributes only to the first and the last output, so it may be the last pair only if a cube has
// just these two outputs along d.
static const int pair_order[] = {1, 0, 2, 3};

// Finds the rows of a cube at `h`, from a channel on.
INLINE void find_rows(const int side, const cube_input *x, ptrdiff_t h, ptrdiff_t channel, const float **rows) {
    const float *row = x->corner + h * x->row + channel;
#pragma clang loop unroll(full)
    for (int d = 0; d < side; d++) rows[d] = d >= x->from[0] && d < x->to[0] ? row + d * x->slab : x->zeros;
}

// Transforms a cube of inputs for one vector of channels and `count` pairs of points along d, from pair number `pair`
// on.
INLINE void transform_input(
    const int points, const int pair, const int count, const cube_input *x, ptrdiff_t channel, float *out,
    ptrdiff_t step) {
    const ptrdiff_t pixel = x->pixel, from = x->from[2], to = x->to[2];
    vec plane[2 * MOST_PAIRS][MOST_POINTS][MOST_POINTS];
#pragma clang loop unroll(disable)
    for (int h = 0; h < points; h++) {
        vec transformed[2 * MOST_PAIRS][MOST_POINTS];
        const float *rows[MOST_POINTS];
        find_rows(points, x, h, channel, rows);
        const bool inside = h >= x->from[1] && h < x->to[1];
#pragma clang loop unroll(full)
        for (int w = 0; w < points; w++) {
            vec line[MOST_POINTS];
            const bool is_inside = inside && w >= from && w < to;
#pragma clang loop unroll(full)
            for (int d = 0; d < points; d++) {
                line[d] = is_inside ? load_vec(rows[d] + w * pixel) : (vec)0;
                // Prefetches the part of the next cube that is not in this cube.
                if (pair + count > 1 && pair < 2 && w > 1) __builtin_prefetch(rows[d] + (w + points - 2) * pixel);
            }
#pragma clang loop unroll(full)
            for (int p = 0; p < count; p++)
                input_pair(points, pair + p, line, &transformed[2 * p][w], &transformed[2 * p + 1][w]);
        }
#pragma clang loop unroll(full)
        for (int s = 0; s < 2 * count; s++) input_transform(points, transformed[s], plane[s][h]);
    }
#pragma clang loop unroll(disable)
    for (int s = 0; s < 2 * count; s++)
#pragma clang loop unroll(disable)
        for (int w = 0; w < points; w++) {
            vec column[MOST_POINTS], transformed[MOST_POINTS];
#pragma clang loop unroll(full)
            for (int h = 0; h < points; h++) column[h] = plane[s][h][w];
            input_transform(points, column, transformed);
            float *to = out + (s * points * points + w) * step;
#pragma clang loop unroll(full)
            for (int h = 0; h < points; h++) store_vec(to + h * points * step, transformed[h]);
        }
}

// Adds a pair's share to one vector of channels of a cube's outputs.
INLINE void transform_output(
    const int points, const int outputs, const int pair, const float *products, ptrdiff_t step, const cube_output *to) {
    const bool is_last = pair == (points == 4 ? 0 : points / 2 - 1), accumulate = to->accumulate;
    const ptrdiff_t slab = to->slab, row = to->row, pixel = to->pixel;
    const ptrdiff_t depth = to->size[0], height = to->size[1], width = to->size[2], channels = to->channels;
    float *const y = to->y, *const sums = to->sums;
    vec plane[2][MOST_POINTS][MOST_OUTPUTS];
#pragma clang loop unroll(disable)
    for (int h = 0; h < points; h++) {
        vec first[MOST_POINTS], second[MOST_POINTS];
#pragma clang loop unroll(full)
        for (int w = 0; w < points; w++) {
            vec a = load_vec(products + (h * points + w) * step);
            vec b = load_vec(products + ((points + h) * points + w) * step);
            first[w] = pair == 0 ? a : a + b;
            second[w] = pair == 0 ? b : a - b;
        }
        output_transform(points, outputs, first, plane[0][h]);
        output_transform(points, outputs, second, plane[1][h]);
    }
    const vec bias = is_last && to->bias ? load_vec_part(to->bias, channels) : (vec)0;
#pragma clang loop unroll(disable)
    for (int w = 0; w < outputs; w++) {
        vec first[MOST_POINTS], second[MOST_POINTS], even[MOST_OUTPUTS], odd[MOST_OUTPUTS];
#pragma clang loop unroll(full)
        for (int h = 0; h < points; h++) {
            first[h] = plane[0][h][w];
            second[h] = plane[1][h][w];
        }
        output_transform(points, outputs, first, even);
        output_transform(points, outputs, second, odd);
#pragma clang loop unroll(full)
        for (int d = 0; d < outputs; d++) {
            if (pair == 0 && d > 0 && d < outputs - 1) continue;
#pragma clang loop unroll(full)
            for (int h = 0; h < outputs; h++) {
                float *sum = sums + ((d * outputs + h) * outputs + w) * VEC_LANES;
                vec share =
                    pair == 0 ? (d == 0 ? even[h] : odd[h]) : pair_power(points, pair, d) * (d % 2 ? odd[h] : even[h]);
                if (pair != 1) share += load_vec(sum);
                if (!is_last) store_vec(sum, share);
                else if (d < depth && h < height && w < width) {
                    float *at = y + d * slab + h * row + w * pixel;
                    share += bias;
                    if (accumulate) share += load_vec_part(at, channels);
                    store_vec_part(at, share, channels);
                }
            }
        }
    }
}

#define DEFINE_INPUT(P, PAIR)                                                                                          \
    static void transform_input_##P##_##PAIR(const cube_input *x, ptrdiff_t channel, float *out, ptrdiff_t step) {     \
        transform_input(P, PAIR, 1, x, channel, out, step);                                                            \
    }
#define DEFINE_INPUT_OF_ALL(P)                                                                                         \
    static void transform_input_##P##_all(const cube_input *x, ptrdiff_t channel, float *out, ptrdiff_t step) {        \
        transform_input(P, 0, P / 2, x, channel, out, step);                                                           \
    }
#define DEFINE_OUTPUT(P, M, PAIR)                                                                                      \
    static void transform_output_##P##_##M##_##PAIR(const float *products, ptrdiff_t step, const cube_output *to) {    \
        transform_output(P, M, PAIR, products, step, to);                                                              \
    }
DEFINE_INPUT(4, 0)
DEFINE_INPUT(4, 1)
DEFINE_INPUT(6, 0)
DEFINE_INPUT(6, 1)
DEFINE_INPUT(6, 2)
DEFINE_INPUT(8, 0)
DEFINE_INPUT(8, 1)
DEFINE_INPUT(8, 2)
DEFINE_INPUT(8, 3)
DEFINE_INPUT_OF_ALL(4)
DEFINE_INPUT_OF_ALL(6)
DEFINE_INPUT_OF_ALL(8)
DEFINE_OUTPUT(4, 2, 0)
DEFINE_OUTPUT(4, 2, 1)
DEFINE_OUTPUT(6, 4, 0)
DEFINE_OUTPUT(6, 4, 1)
DEFINE_OUTPUT(6, 4, 2)
DEFINE_OUTPUT(6, 2, 0)
DEFINE_OUTPUT(6, 2, 1)
DEFINE_OUTPUT(6, 2, 2)
DEFINE_OUTPUT(8, 4, 0)
DEFINE_OUTPUT(8, 4, 1)
DEFINE_OUTPUT(8, 4, 2)
DEFINE_OUTPUT(8, 4, 3)

static const input_kernel inputs_of_4[] = {transform_input_4_0, transform_input_4_1};
static const input_kernel inputs_of_6[] = {transform_input_6_0, transform_input_6_1, transform_input_6_2};
static const input_kernel inputs_of_8[] = {
    transform_input_8_0, transform_input_8_1, transform_input_8_2, transform_input_8_3};
static const output_kernel outputs_4_2[] = {transform_output_4_2_0, transform_output_4_2_1};
static const output_kernel outputs_6_4[] = {transform_output_6_4_0, transform_output_6_4_1, transform_output_6_4_2};
static const output_kernel outputs_6_2[] = {transform_output_6_2_0, transform_output_6_2_1, transform_output_6_2_2};
static const output_kernel outputs_8_4[] = {
    transform_output_8_4_0, transform_output_8_4_1, transform_output_8_4_2, transform_output_8_4_3};

static const input_kernel *input_kernels(segcpu_winograd_form form) {
    return form.points == 4 ? inputs_of_4 : form.points == 6 ? inputs_of_6 : inputs_of_8;
}

static input_kernel input_of_all(segcpu_winograd_form form) {
    return form.points == 4 ? transform_input_4_all : form.points == 6 ? transform_input_6_all : transform_input_8_all;
}

static const output_kernel *output_kernels(segcpu_winograd_form form) {
    switch (form.points) {
    case 4: return outputs_4_2;
    case 6: return form.outputs == 4 ? outputs_6_4 : outputs_6_2;
    default: return outputs_8_4;
    }
}

// Computes the first output of a cube on each axis.
static void cube_start(const segcpu_winograd *g, ptrdiff_t cube, ptrdiff_t start[3]) {
    for (int a = 2; a >= 0; a--) {
        start[a] = cube % g->counts[a] * g->form.outputs;
        cube /= g->counts[a];
    }
}

// The channels-last values of one sample from which cubes are read.
typedef struct {
    const float *data;
    const ptrdiff_t *extent;
    ptrdiff_t pixel;
    const float *zeros; // a row of a cube
} cube_source;

// Finds a cube of `side` pixels per axis.
static void find_cube(const cube_source *s, ptrdiff_t side, const ptrdiff_t base[3], cube_input *found) {
    found->pixel = s->pixel;
    found->row = s->extent[2] * s->pixel;
    found->slab = s->extent[1] * found->row;
    found->corner = s->data + base[0] * found->slab + base[1] * found->row + base[2] * s->pixel;
    found->zeros = s->zeros;
    for (int a = 0; a < 3; a++) {
        found->from[a] = larger(-base[a], 0);
        found->to[a] = smaller(s->extent[a] - base[a], side);
    }
}

// The input of a convolution as a source of cubes; `zeros` has room for a row of a cube.
static cube_source input_source(const segcpu_winograd *g, ptrdiff_t sample, float *zeros) {
    memset(zeros, 0, sizeof(float) * (size_t)(g->form.points * g->x_pixel));
    return (cube_source){g->x + sample * g->x_sample, g->in, g->x_pixel, zeros};
}

// Computes the matrices [cube][channel] of a pair from the inputs of `count` cubes.
static void transform_inputs(
    const segcpu_winograd *g, const cube_source *source, ptrdiff_t first, ptrdiff_t count, input_kernel transform,
    float *out, ptrdiff_t step) {
    cube_input input;
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t base[3];
        cube_start(g, first + i, base);
        for (int a = 0; a < 3; a++) base[a] += g->low[a];
        find_cube(source, g->form.points, base, &input);
        for (ptrdiff_t c = 0; c < g->channels; c += VEC_LANES) transform(&input, c, out + i * g->channels + c, step);
    }
}

// The outputs of a cube inside the volume, from channel 0 on.
static cube_output find_output(const segcpu_winograd *g, ptrdiff_t sample, const ptrdiff_t start[3]) {
    cube_output output = {
        .row = g->out[2] * g->y_pixel,
        .slab = g->out[1] * g->out[2] * g->y_pixel,
        .pixel = g->y_pixel,
        .accumulate = g->accumulate};
    output.y = g->y + sample * g->y_sample + start[0] * output.slab + start[1] * output.row + start[2] * output.pixel;
    for (int a = 0; a < 3; a++) output.size[a] = smaller(g->form.outputs, g->out[a] - start[a]);
    return output;
}

static void write_outputs(
    const segcpu_winograd *g, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from, ptrdiff_t to,
    int pair, const float *products, ptrdiff_t step, float *sums) {
    output_kernel transform = output_kernels(g->form)[pair];
    ptrdiff_t outputs = g->form.outputs * g->form.outputs * g->form.outputs, width = round_up(to - from, VEC_LANES);
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t start[3];
        cube_start(g, first + i, start);
        cube_output output = find_output(g, sample, start);
        float *y = output.y;
        output.sums = sums + i * outputs * width;
        for (ptrdiff_t c = from; c < to; c += VEC_LANES) {
            output.y = y + c;
            output.bias = g->bias ? g->bias + c : NULL;
            output.channels = smaller(VEC_LANES, to - c);
            transform(products + i * width + c - from, step, &output);
            output.sums += outputs * VEC_LANES;
        }
    }
}

static void winograd_cubes(
    const segcpu_winograd *g, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from, ptrdiff_t to,
    float *scratch) {
    ptrdiff_t matrices = 2 * g->form.points * g->form.points;
    ptrdiff_t width = round_up(to - from, VEC_LANES);
    ptrdiff_t in_step = g->block * g->channels + WINOGRAD_GAP, out_step = g->block * width + WINOGRAD_GAP;
    int pairs = g->form.points / 2, pairs_at_once = g->transforms_all ? pairs : 1;
    float *inputs = scratch, *products = inputs + pairs_at_once * matrices * in_step;
    float *sums = products + matrices * out_step;
    ptrdiff_t outputs = g->form.outputs * g->form.outputs * g->form.outputs;
    cube_source source = input_source(g, sample, sums + g->block * outputs * width);
    if (g->transforms_all) transform_inputs(g, &source, first, count, input_of_all(g->form), inputs, in_step);
    for (int i = 0; i < pairs; i++) {
        int pair = pair_order[i];
        if (!g->transforms_all)
            transform_inputs(g, &source, first, count, input_kernels(g->form)[pair], inputs, in_step);
        const float *a = inputs + (g->transforms_all ? pair * matrices * in_step : 0);
        const float *weights = g->weights + pair * matrices * segcpu_winograd_step(g);
        for (ptrdiff_t m = 0; m < matrices; m++, a += in_step, weights += segcpu_winograd_step(g))
            for (ptrdiff_t o = from; o < to; o += 2 * VEC_LANES) {
                int vectors = to - o > VEC_LANES ? 2 : 1;
                gemm_operands product = {
                    .a = a,
                    .a_step = g->channels,
                    .b = weights + o * g->channels,
                    .b_step = vectors * VEC_LANES,
                    .depth = g->channels,
                    .chunk = winograd_chunk(g->form),
                    .c = products + m * out_step + o - from,
                    .c_row = width};
                gemm_panel(vectors, count, false, product);
            }
        write_outputs(g, sample, first, count, from, to, pair, products, out_step, sums);
    }
}
