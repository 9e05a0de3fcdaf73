// A convolution of three taps per axis and stride 2, or its transpose, by phases, for a block of cubes.
//
// The points along d are processed one by one. For each, the inputs of all cubes are transformed into a plane of 7 x 7
// points and multiplied with the weights. The products' contribution to the outputs is then summed or written. Points
// with the same weights are the rows of one matrix, [cube][point][channel].
#pragma once

#include "conv3d_phase_transform.h"
#include "conv3d_winograd_kernel.h"

// The numbers of the points along d in the order in which they are processed. Number 2, the point 1, is first, because
// it contributes to all outputs of F(3, 2): it sets their sums. The sums are complete after number 1. Numbers 4 to 6,
// the plain inputs, then complete the outputs of a convolution.
static const int phase_order[PHASE_POINTS] = {2, 3, 0, 1, 4, 5, 6};

// The positions of the rows of a plane's points: for each point, the first cube's row, and the floats from cube to
// cube.
typedef struct {
    float *row[PHASE_PLANE];
    ptrdiff_t step[PHASE_PLANE];
} phase_rows;

// The number of points along h or w that share their weights.
INLINE ptrdiff_t phase_width(int number) { return number == PLAIN ? PHASE_OUTPUTS : 1; }

// The number of floats of a plane's rows.
static inline ptrdiff_t phase_room(ptrdiff_t cubes, ptrdiff_t channels) {
    return PHASE_PLANE * cubes * channels + PHASE_WEIGHTS * PHASE_WEIGHTS * WINOGRAD_GAP;
}

// The offset, in floats, of the first row of a plane's matrix that uses weights number h, w.
INLINE ptrdiff_t phase_start(int h, int w, ptrdiff_t block, ptrdiff_t channels) {
    return (h * PHASE_POINTS + phase_width(h) * w) * block * channels + (h * PHASE_WEIGHTS + w) * WINOGRAD_GAP;
}

static phase_rows find_phase_rows(float *plane, ptrdiff_t block, ptrdiff_t channels) {
    phase_rows rows;
    for (int i = 0; i < PHASE_PLANE; i++) {
        int h = i / PHASE_POINTS, w = i % PHASE_POINTS;
        int h_weights = h < PLAIN ? h : PLAIN, w_weights = w < PLAIN ? w : PLAIN;
        ptrdiff_t point = (h - h_weights) * phase_width(w_weights) + w - w_weights;
        rows.row[i] = plane + phase_start(h_weights, w_weights, block, channels) + point * channels;
        rows.step[i] = phase_width(h_weights) * phase_width(w_weights) * channels;
    }
    return rows;
}

INLINE void next_cube(phase_rows *rows) {
    for (int i = 0; i < PHASE_PLANE; i++) rows->row[i] += rows->step[i];
}

// Two planes of a cube's inputs, and their strides from row to row. The input at a point along d is first + sign *
// second.
typedef struct {
    const float *first, *second; // at h = 0, w = 0
    ptrdiff_t first_row, second_row;
    float sign;
} phase_depth;

static phase_depth find_phase_depth(bool transposed, int point, const cube_input *x) {
    static const struct {
        int first, second;
        float sign;
    } terms[PLAIN] = {{0, 2, -1}, {1, 3, -1}, {1, 2, 1}, {2, 1, -1}};
    phase_depth depth = {x->zeros, x->zeros, 0, 0, 0};
    int first = point - PLAIN, second = -1;
    if (point < PLAIN) {
        first = terms[point].first;
        second = terms[point].second;
        depth.sign = terms[point].sign;
    }
    if (!transposed) {
        first = point < PLAIN ? 2 * first : 2 * first + 1;
        second *= 2;
    }
    if (first >= x->from[0] && first < x->to[0]) {
        depth.first = x->corner + first * x->slab;
        depth.first_row = x->row;
    }
    if (second >= 0 && second >= x->from[0] && second < x->to[0]) {
        depth.second = x->corner + second * x->slab;
        depth.second_row = x->row;
    }
    return depth;
}

// Transforms a cube of inputs to the plane of one point along d, for one vector of channels.
INLINE void transform_phase_input(
    const bool transposed, const cube_input *x, const phase_depth *depth, ptrdiff_t channel, float *const *out) {
    const int side = phase_inputs(transposed);
    const ptrdiff_t pixel = x->pixel, from = x->from[2], to = x->to[2];
    const vec sign = depth->sign;
    // A plane of zeros is a single row.
    const ptrdiff_t first_channel = depth->first_row ? channel : 0, second_channel = depth->second_row ? channel : 0;
    vec plane[PHASE_POINTS][PHASE_POINTS];
#pragma clang loop unroll(disable)
    for (int h = 0; h < side; h++) {
        vec line[PHASE_POINTS];
        const float *first = depth->first + h * depth->first_row + first_channel;
        const float *second = depth->second + h * depth->second_row + second_channel;
        const bool inside = h >= x->from[1] && h < x->to[1];
#pragma clang loop unroll(full)
        for (int w = 0; w < side; w++)
            line[w] = inside && w >= from && w < to ? load_vec(first + w * pixel) + sign * load_vec(second + w * pixel)
                                                    : (vec)0;
        phase_input(transposed, line, plane[h]);
    }
#pragma clang loop unroll(disable)
    for (int w = 0; w < PHASE_POINTS; w++) {
        vec column[PHASE_POINTS], transformed[PHASE_POINTS];
#pragma clang loop unroll(full)
        for (int h = 0; h < side; h++) column[h] = plane[h][w];
        phase_input(transposed, column, transformed);
#pragma clang loop unroll(full)
        for (int h = 0; h < PHASE_POINTS; h++) store_vec(out[h * PHASE_POINTS + w] + channel, transformed[h]);
    }
}

// Transforms a plane along d of the cubes' inputs.
INLINE void transform_phase_inputs(
    const bool transposed, const segcpu_winograd *g, const cube_source *source, int point, ptrdiff_t first,
    ptrdiff_t count, float *inputs) {
    phase_rows rows = find_phase_rows(inputs, g->block, g->channels);
    cube_input input;
    for (ptrdiff_t i = 0; i < count; i++, next_cube(&rows)) {
        ptrdiff_t base[3];
        cube_start(g, first + i, base);
        for (int a = 0; a < 3; a++) base[a] = transposed ? base[a] / 2 : 2 * base[a] + g->low[a];
        find_cube(source, phase_inputs(transposed), base, &input);
        phase_depth depth = find_phase_depth(transposed, point, &input);
        for (ptrdiff_t c = 0; c < g->channels; c += VEC_LANES)
            transform_phase_input(transposed, &input, &depth, c, rows.row);
    }
}

// Writes a plane of a cube's outputs, [h][w][lane]: plane number `d`.
INLINE void write_phase_plane(const int side, const cube_output *to, ptrdiff_t d, const float *plane) {
    if (d >= to->size[0]) return;
    const vec bias = to->bias ? load_vec_part(to->bias, to->channels) : (vec)0;
    for (ptrdiff_t h = 0; h < to->size[1]; h++)
        for (ptrdiff_t w = 0; w < to->size[2]; w++) {
            float *y = to->y + d * to->slab + h * to->row + w * to->pixel;
            vec value = load_vec(plane + (h * side + w) * VEC_LANES) + bias;
            if (to->accumulate) value += load_vec_part(y, to->channels);
            store_vec_part(y, value, to->channels);
        }
}

// Adds the contribution of one point along d to a cube's outputs, for one vector of channels, and writes the outputs
// that are complete.
INLINE void transform_phase_output(
    const bool transposed, int point, float *const *products, ptrdiff_t channel, const cube_output *to) {
    const int side = phase_outputs(transposed), area = side * side;
    vec rows[PHASE_POINTS][6];
    float plane[6 * 6 * VEC_LANES] __attribute__((aligned(64)));
#pragma clang loop unroll(disable)
    for (int h = 0; h < PHASE_POINTS; h++) {
        vec line[PHASE_POINTS];
#pragma clang loop unroll(full)
        for (int w = 0; w < PHASE_POINTS; w++) line[w] = load_vec(products[h * PHASE_POINTS + w] + channel);
        phase_output(transposed, line, rows[h]);
    }
#pragma clang loop unroll(disable)
    for (int w = 0; w < side; w++) {
        vec column[PHASE_POINTS], outputs[6];
#pragma clang loop unroll(full)
        for (int h = 0; h < PHASE_POINTS; h++) column[h] = rows[h][w];
        phase_output(transposed, column, outputs);
#pragma clang loop unroll(full)
        for (int h = 0; h < side; h++) store_vec(plane + (h * side + w) * VEC_LANES, outputs[h]);
    }
    if (point < PLAIN) {
        for (int d = 0; d < PHASE_OUTPUTS; d++) {
            const float share = phase_share[point][d];
            float *sums = to->sums + d * area * VEC_LANES;
            if (share == 0) continue;
#pragma clang loop unroll(disable)
            for (int i = 0; i < area * VEC_LANES; i += VEC_LANES) {
                vec value = share * load_vec(plane + i);
                store_vec(sums + i, point == phase_order[0] ? value : load_vec(sums + i) + value);
            }
        }
        if (transposed && point == 1)
            for (int d = 0; d < PHASE_OUTPUTS; d++)
                write_phase_plane(side, to, 2 * d + 1, to->sums + d * area * VEC_LANES);
    } else if (transposed) write_phase_plane(side, to, 2 * (point - PLAIN), plane);
    else {
        const float *sums = to->sums + (point - PLAIN) * area * VEC_LANES;
#pragma clang loop unroll(disable)
        for (int i = 0; i < area * VEC_LANES; i += VEC_LANES)
            store_vec(plane + i, load_vec(plane + i) + load_vec(sums + i));
        write_phase_plane(side, to, point - PLAIN, plane);
    }
}

// Adds the share of a point along d to the cubes' outputs, for channels from ..< to.
INLINE void transform_phase_outputs(
    const bool transposed, const segcpu_winograd *g, ptrdiff_t sample, int point, ptrdiff_t first, ptrdiff_t count,
    ptrdiff_t from, ptrdiff_t to, float *products, float *sums) {
    ptrdiff_t width = round_up(to - from, VEC_LANES);
    phase_rows rows = find_phase_rows(products, g->block, width);
    int side = phase_outputs(transposed);
    for (ptrdiff_t i = 0; i < count; i++, next_cube(&rows)) {
        ptrdiff_t start[3];
        cube_start(g, first + i, start);
        cube_output output = find_output(g, sample, start);
        float *y = output.y;
        output.sums = sums + i * PHASE_OUTPUTS * side * side * width;
        for (ptrdiff_t c = from; c < to; c += VEC_LANES) {
            output.y = y + c;
            output.bias = g->bias ? g->bias + c : NULL;
            output.channels = smaller(VEC_LANES, to - c);
            transform_phase_output(transposed, point, rows.row, c - from, &output);
            output.sums += PHASE_OUTPUTS * side * side * VEC_LANES;
        }
    }
}

// Computes the products of a plane's points.
static void multiply_phase(
    const segcpu_winograd *g, int point, ptrdiff_t count, ptrdiff_t from, ptrdiff_t to, const float *inputs,
    float *products) {
    ptrdiff_t width = round_up(to - from, VEC_LANES);
    int d = point < PLAIN ? point : PLAIN;
    for (int h = 0; h < PHASE_WEIGHTS; h++)
        for (int w = 0; w < PHASE_WEIGHTS; w++) {
            ptrdiff_t number = (d * PHASE_WEIGHTS + h) * PHASE_WEIGHTS + w;
            for (ptrdiff_t o = from; o < to; o += 2 * VEC_LANES) {
                int vectors = to - o > VEC_LANES ? 2 : 1;
                gemm_operands product = {
                    .a = inputs + phase_start(h, w, g->block, g->channels),
                    .a_step = g->channels,
                    .b = g->weights + number * segcpu_winograd_step(g) + o * g->channels,
                    .b_step = vectors * VEC_LANES,
                    .depth = g->channels,
                    .chunk = winograd_chunk(g->form),
                    .c = products + phase_start(h, w, g->block, width) + o - from,
                    .c_row = width};
                gemm_panel(vectors, count * phase_width(h) * phase_width(w), false, product);
            }
        }
}

INLINE void compute_phases(
    const bool transposed, const segcpu_winograd *g, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from,
    ptrdiff_t to, float *scratch) {
    ptrdiff_t width = round_up(to - from, VEC_LANES), side = phase_outputs(transposed);
    float *inputs = scratch, *products = inputs + phase_room(g->block, g->channels);
    float *sums = products + phase_room(g->block, width);
    cube_source source = input_source(g, sample, sums + g->block * PHASE_OUTPUTS * side * side * width);
    for (int i = 0; i < PHASE_POINTS; i++) {
        int point = phase_order[i];
        transform_phase_inputs(transposed, g, &source, point, first, count, inputs);
        multiply_phase(g, point, count, from, to, inputs, products);
        transform_phase_outputs(transposed, g, sample, point, first, count, from, to, products, sums);
    }
}

static void phase_cubes(
    const segcpu_winograd *g, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from, ptrdiff_t to,
    float *scratch) {
    if (g->form.outputs == phase_outputs(true)) compute_phases(true, g, sample, first, count, from, to, scratch);
    else compute_phases(false, g, sample, first, count, from, to, scratch);
}
