// Winograd's convolution of a block of cubes; included once by each conv3d_kernels_*.c.
//
// For each pair of points along d, the inputs of all cubes are transformed into 2 x points x points matrices
// [cube][channel], these are multiplied with the weights' matrices, and the products' share of the outputs is written or
// added. Only that pair's share of the transformed volume has to stay in cache.

typedef struct {
    const float *rows[MOST_POINTS * MOST_POINTS]; // for each d and h
    ptrdiff_t from, to; // pixels of a row that lie inside the volume; zeros stand about them
    ptrdiff_t pixel;
} cube_input;

typedef struct {
    float *y;
    ptrdiff_t row, slab, pixel;
    ptrdiff_t size[3]; // outputs that lie inside the volume
    const float *bias;
    bool accumulate;
    float *sums;       // of the pairs so far, [output][lane]
} cube_output;

typedef void (*input_kernel)(const cube_input *x, ptrdiff_t channel, float *out, ptrdiff_t step);
typedef void (*output_kernel)(const float *products, ptrdiff_t step, const cube_output *to, ptrdiff_t channel);

// The order of the pairs: (1, -1), which reaches every output, sets their sums; the last one writes the outputs. Pair 0
// reaches the first and the last output alone, which are all that there are where it comes last.
static const int pair_order[] = {1, 0, 2, 3};

// One vector of channels of a cube, for a pair of points along d.
INLINE void transform_input(
    const int points, const int pair, const cube_input *x, ptrdiff_t channel, float *out, ptrdiff_t step) {
    vec plane[2][MOST_POINTS][MOST_POINTS];
#pragma clang loop unroll(disable)
    for (int h = 0; h < points; h++) {
        vec first[MOST_POINTS], second[MOST_POINTS];
#pragma clang loop unroll(full)
        for (int w = 0; w < points; w++) {
            first[w] = second[w] = 0;
            if (w < x->from || w >= x->to) continue;
            vec line[MOST_POINTS];
#pragma clang loop unroll(full)
            for (int d = 0; d < points; d++) {
                const float *pixel = x->rows[d * points + h] + w * x->pixel + channel;
                line[d] = load(pixel);
                if (pair == 1) __builtin_prefetch(pixel + points * x->pixel);
            }
            input_pair(points, pair, line, &first[w], &second[w]);
        }
        input_transform(points, first, plane[0][h]);
        input_transform(points, second, plane[1][h]);
    }
#pragma clang loop unroll(disable)
    for (int s = 0; s < 2; s++)
#pragma clang loop unroll(disable)
        for (int w = 0; w < points; w++) {
            vec column[MOST_POINTS], turned[MOST_POINTS];
#pragma clang loop unroll(full)
            for (int h = 0; h < points; h++) column[h] = plane[s][h][w];
            input_transform(points, column, turned);
            float *to = out + (s * points * points + w) * step;
#pragma clang loop unroll(full)
            for (int h = 0; h < points; h++) store(to + h * points * step, turned[h]);
        }
}

// Adds a pair's share of one vector of channels of a cube's outputs.
INLINE void transform_output(
    const int points, const int outputs, const int pair, const float *products, ptrdiff_t step, const cube_output *to,
    ptrdiff_t channel) {
    const bool is_last = pair == (points == 4 ? 0 : points / 2 - 1);
    vec plane[2][MOST_POINTS][MOST_OUTPUTS];
#pragma clang loop unroll(disable)
    for (int h = 0; h < points; h++) {
        vec first[MOST_POINTS], second[MOST_POINTS];
#pragma clang loop unroll(full)
        for (int w = 0; w < points; w++) {
            vec a = load(products + (h * points + w) * step);
            vec b = load(products + ((points + h) * points + w) * step);
            first[w] = pair == 0 ? a : a + b;
            second[w] = pair == 0 ? b : a - b;
        }
        output_transform(points, outputs, first, plane[0][h]);
        output_transform(points, outputs, second, plane[1][h]);
    }
    const vec bias = is_last && to->bias ? load(to->bias + channel) : (vec)0;
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
                float *sum = to->sums + ((d * outputs + h) * outputs + w) * LANES;
                vec share = pair == 0 ? (d == 0 ? even[h] : odd[h])
                                      : output_power(pair, d) * (d % 2 ? odd[h] : even[h]);
                if (pair != 1) share += load(sum);
                if (!is_last) store(sum, share);
                else if (d < to->size[0] && h < to->size[1] && w < to->size[2]) {
                    float *y = to->y + d * to->slab + h * to->row + w * to->pixel + channel;
                    share += bias;
                    store(y, to->accumulate ? load(y) + share : share);
                }
            }
        }
    }
}

#define DEFINE_INPUT(P, PAIR) \
    static void transform_input_##P##_##PAIR( \
        const cube_input *x, ptrdiff_t channel, float *out, ptrdiff_t step) { \
        transform_input(P, PAIR, x, channel, out, step); \
    }
#define DEFINE_OUTPUT(P, M, PAIR) \
    static void transform_output_##P##_##M##_##PAIR( \
        const float *products, ptrdiff_t step, const cube_output *to, ptrdiff_t channel) { \
        transform_output(P, M, PAIR, products, step, to, channel); \
    }
DEFINE_INPUT(4, 0) DEFINE_INPUT(4, 1)
DEFINE_INPUT(6, 0) DEFINE_INPUT(6, 1) DEFINE_INPUT(6, 2)
DEFINE_INPUT(8, 0) DEFINE_INPUT(8, 1) DEFINE_INPUT(8, 2) DEFINE_INPUT(8, 3)
DEFINE_OUTPUT(4, 2, 0) DEFINE_OUTPUT(4, 2, 1)
DEFINE_OUTPUT(6, 4, 0) DEFINE_OUTPUT(6, 4, 1) DEFINE_OUTPUT(6, 4, 2)
DEFINE_OUTPUT(6, 2, 0) DEFINE_OUTPUT(6, 2, 1) DEFINE_OUTPUT(6, 2, 2)
DEFINE_OUTPUT(8, 4, 0) DEFINE_OUTPUT(8, 4, 1) DEFINE_OUTPUT(8, 4, 2) DEFINE_OUTPUT(8, 4, 3)

#define PAIRS_OF_4(KERNEL) {KERNEL##_0, KERNEL##_1}
#define PAIRS_OF_6(KERNEL) {KERNEL##_0, KERNEL##_1, KERNEL##_2}
#define PAIRS_OF_8(KERNEL) {KERNEL##_0, KERNEL##_1, KERNEL##_2, KERNEL##_3}
static const input_kernel inputs_of_4[] = PAIRS_OF_4(transform_input_4);
static const input_kernel inputs_of_6[] = PAIRS_OF_6(transform_input_6);
static const input_kernel inputs_of_8[] = PAIRS_OF_8(transform_input_8);
static const output_kernel outputs_4_2[] = PAIRS_OF_4(transform_output_4_2);
static const output_kernel outputs_6_4[] = PAIRS_OF_6(transform_output_6_4);
static const output_kernel outputs_6_2[] = PAIRS_OF_6(transform_output_6_2);
static const output_kernel outputs_8_4[] = PAIRS_OF_8(transform_output_8_4);

static const input_kernel *input_kernels(segcpu_winograd_form form) {
    return form.points == 4 ? inputs_of_4 : form.points == 6 ? inputs_of_6 : inputs_of_8;
}

static const output_kernel *output_kernels(segcpu_winograd_form form) {
    switch (form.points) {
    case 4: return outputs_4_2;
    case 6: return form.outputs == 4 ? outputs_6_4 : outputs_6_2;
    default: return outputs_8_4;
    }
}

// The first output of a cube on each axis.
static void cube_start(const segcpu_winograd *g, ptrdiff_t cube, ptrdiff_t start[3]) {
    for (int a = 2; a >= 0; a--) {
        start[a] = cube % g->counts[a] * g->form.outputs;
        cube /= g->counts[a];
    }
}

// Channels-last values of one sample that cubes are read from.
typedef struct {
    const float *data;
    const ptrdiff_t *extent;
    ptrdiff_t pixel;
    const float *zeros; // a row of a cube
} cube_source;

// Where the rows of a cube of `side` pixels a side lie; those outside the volume are zeros.
static void find_cube(const cube_source *s, ptrdiff_t side, const ptrdiff_t base[3], cube_input *found) {
    ptrdiff_t row = s->extent[2] * s->pixel, slab = s->extent[1] * row;
    const float *corner = s->data + base[0] * slab + base[1] * row + base[2] * s->pixel;
    const float **next = found->rows;
    found->from = larger(-base[2], 0);
    found->to = smaller(s->extent[2] - base[2], side);
    found->pixel = s->pixel;
    for (ptrdiff_t d = 0; d < side; d++) {
        bool outside = base[0] + d < 0 || base[0] + d >= s->extent[0];
        for (ptrdiff_t h = 0; h < side; h++) {
            bool empty = outside || base[1] + h < 0 || base[1] + h >= s->extent[1];
            *next++ = empty ? s->zeros : corner + d * slab + h * row;
        }
    }
}

// The input of a convolution; `zeros` has room for a row of a cube.
static cube_source input_source(const segcpu_winograd *g, ptrdiff_t sample, float *zeros) {
    memset(zeros, 0, sizeof(float) * (size_t)(g->form.points * g->x_pixel));
    return (cube_source){g->x + sample * g->x_sample, g->in, g->x_pixel, zeros};
}

// The matrices [cube][channel] of a pair, from the inputs of `count` cubes.
static void transform_inputs(
    const segcpu_winograd *g, const cube_source *source, ptrdiff_t first, ptrdiff_t count, int pair, float *out,
    ptrdiff_t step) {
    input_kernel transform = input_kernels(g->form)[pair];
    cube_input input;
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t base[3];
        cube_start(g, first + i, base);
        for (int a = 0; a < 3; a++) base[a] += g->low[a];
        find_cube(source, g->form.points, base, &input);
        for (ptrdiff_t c = 0; c < g->channels; c += LANES) transform(&input, c, out + i * g->channels + c, step);
    }
}

static void write_outputs(
    const segcpu_winograd *g, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from, ptrdiff_t to,
    int pair, const float *products, ptrdiff_t step, float *sums) {
    output_kernel transform = output_kernels(g->form)[pair];
    ptrdiff_t outputs = g->form.outputs * g->form.outputs * g->form.outputs;
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t start[3];
        cube_start(g, first + i, start);
        cube_output output = {
            .row = g->out[2] * g->y_pixel, .slab = g->out[1] * g->out[2] * g->y_pixel, .pixel = g->y_pixel,
            .bias = g->bias ? g->bias + from : NULL, .accumulate = g->accumulate, .sums = sums + i * outputs * (to - from)};
        output.y = g->y + sample * g->y_sample + start[0] * output.slab + start[1] * output.row
            + start[2] * output.pixel + from;
        for (int a = 0; a < 3; a++) output.size[a] = smaller(g->form.outputs, g->out[a] - start[a]);
        for (ptrdiff_t c = 0; c < to - from; c += LANES) {
            transform(products + i * (to - from) + c, step, &output, c);
            output.sums += outputs * LANES;
        }
    }
}

static void winograd_cubes(
    const segcpu_winograd *g, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from, ptrdiff_t to,
    float *scratch) {
    ptrdiff_t matrices = 2 * g->form.points * g->form.points;
    ptrdiff_t in_step = g->block * g->channels + WINOGRAD_GAP, out_step = g->block * (to - from) + WINOGRAD_GAP;
    float *inputs = scratch, *products = inputs + matrices * in_step, *sums = products + matrices * out_step;
    ptrdiff_t outputs = g->form.outputs * g->form.outputs * g->form.outputs;
    cube_source source = input_source(g, sample, sums + g->block * outputs * (to - from));
    int pairs = g->form.points / 2;
    for (int i = 0; i < pairs; i++) {
        int pair = pair_order[i];
        transform_inputs(g, &source, first, count, pair, inputs, in_step);
        const float *weights = g->weights + pair * matrices * segcpu_winograd_step(g);
        for (ptrdiff_t m = 0; m < matrices; m++, weights += segcpu_winograd_step(g))
            for (ptrdiff_t o = from; o < to; o += 2 * LANES) {
                int vectors = to - o >= 2 * LANES ? 2 : 1;
                gemm_operands product = {
                    .a = inputs + m * in_step, .a_step = g->channels, .b = weights + o * g->channels,
                    .b_step = vectors * LANES, .depth = g->channels, .c = products + m * out_step + o - from, .c_row = to - from};
                gemm_panel(vectors, count, false, product);
            }
        write_outputs(g, sample, first, count, from, to, pair, products, out_step, sums);
    }
}
