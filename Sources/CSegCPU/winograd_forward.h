// Winograd's convolution of a block of cubes; included once by each conv3d_kernels_*.c.
//
// For each pair of points along d, the inputs of all cubes are transformed into 2 x points x points matrices
// [cube][channel], these are multiplied with the weights' matrices, and the products' share of the outputs is written or
// added. Only a third of the transformed volume (half of it for 4 points) has to stay in cache.

enum { MOST_POINTS = 6 };

typedef struct {
    const float *rows[MOST_POINTS * MOST_POINTS]; // for each d and h
    ptrdiff_t pixel;
} cube_input;

typedef struct {
    float *y;
    ptrdiff_t row, slab, pixel;
    ptrdiff_t size[3]; // outputs that lie inside the volume
    const float *bias;
    bool overwrite;
} cube_output;

typedef void (*input_kernel)(const cube_input *x, ptrdiff_t channel, float *out, ptrdiff_t step);
typedef void (*output_kernel)(const float *products, ptrdiff_t step, const cube_output *to, ptrdiff_t channel);

// One vector of channels of a cube, for a pair of points along d.
INLINE void transform_input(
    const int points, const int pair, const cube_input *x, ptrdiff_t channel, float *out, ptrdiff_t step) {
    vec plane[2][MOST_POINTS][MOST_POINTS];
#pragma clang loop unroll(disable)
    for (int h = 0; h < points; h++) {
        vec first[MOST_POINTS], second[MOST_POINTS];
#pragma clang loop unroll(full)
        for (int w = 0; w < points; w++) {
            vec line[MOST_POINTS];
#pragma clang loop unroll(full)
            for (int d = 0; d < points; d++) line[d] = load(x->rows[d * points + h] + w * x->pixel + channel);
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

// Adds a pair's share of one vector of channels of a cube's outputs; the pair (1, -1) comes first.
INLINE void transform_output(
    const int points, const int outputs, const int pair, const float *products, ptrdiff_t step, const cube_output *to,
    ptrdiff_t channel) {
    vec plane[2][MOST_POINTS][4];
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
    const vec bias = pair == 1 && to->bias ? load(to->bias + channel) : (vec)0;
    const bool overwrite = pair == 1 && to->overwrite;
    for (ptrdiff_t w = 0; w < to->size[2]; w++) {
        vec first[MOST_POINTS], second[MOST_POINTS], even[4], odd[4];
#pragma clang loop unroll(full)
        for (int h = 0; h < points; h++) {
            first[h] = plane[0][h][w];
            second[h] = plane[1][h][w];
        }
        output_transform(points, outputs, first, even);
        output_transform(points, outputs, second, odd);
        float *column = to->y + w * to->pixel + channel;
#pragma clang loop unroll(full)
        for (int h = 0; h < outputs; h++) {
            if (h >= to->size[1]) break;
#pragma clang loop unroll(full)
            for (int d = 0; d < outputs; d++) {
                if (d >= to->size[0]) break;
                if (pair == 0 && d > 0 && d < outputs - 1) continue;
                float *y = column + d * to->slab + h * to->row;
                vec share = pair == 0 ? (d == 0 ? even[h] : odd[h])
                                      : output_power(pair, d) * (d % 2 ? odd[h] : even[h]);
                if (pair == 1) share += bias;
                store(y, overwrite ? share : load(y) + share);
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
DEFINE_INPUT(4, 0) DEFINE_INPUT(4, 1) DEFINE_INPUT(6, 0) DEFINE_INPUT(6, 1) DEFINE_INPUT(6, 2)
DEFINE_OUTPUT(4, 2, 0) DEFINE_OUTPUT(4, 2, 1)
DEFINE_OUTPUT(6, 4, 0) DEFINE_OUTPUT(6, 4, 1) DEFINE_OUTPUT(6, 4, 2)
DEFINE_OUTPUT(6, 2, 0) DEFINE_OUTPUT(6, 2, 1) DEFINE_OUTPUT(6, 2, 2)

static const input_kernel inputs_of_4[] = {transform_input_4_0, transform_input_4_1};
static const input_kernel inputs_of_6[] = {transform_input_6_0, transform_input_6_1, transform_input_6_2};
static const output_kernel outputs_4_2[] = {transform_output_4_2_0, transform_output_4_2_1};
static const output_kernel outputs_6_4[] = {
    transform_output_6_4_0, transform_output_6_4_1, transform_output_6_4_2};
static const output_kernel outputs_6_2[] = {
    transform_output_6_2_0, transform_output_6_2_1, transform_output_6_2_2};

static const input_kernel *input_kernels(segcpu_winograd_form form) {
    return form.points == 4 ? inputs_of_4 : inputs_of_6;
}

static const output_kernel *output_kernels(segcpu_winograd_form form) {
    return form.points == 4 ? outputs_4_2 : form.outputs == 4 ? outputs_6_4 : outputs_6_2;
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
    ptrdiff_t pixel, channels;
    const float *zeros; // a row of a cube
    float *edge;        // room for the rows of a cube
} cube_source;

// Where the rows of a cube of `side` pixels a side lie; those outside the volume are zeros, and where the rows reach
// over an end of the volume they are copied with zeros about them.
static void find_cube(const cube_source *s, ptrdiff_t side, const ptrdiff_t base[3], cube_input *found) {
    ptrdiff_t from = smaller(larger(-base[2], 0), side), to = larger(smaller(s->extent[2] - base[2], side), from);
    bool whole = from == 0 && to == side;
    ptrdiff_t row = s->extent[2] * s->pixel, slab = s->extent[1] * row;
    const float *corner = s->data + base[0] * slab + base[1] * row + base[2] * s->pixel;
    const float **next = found->rows;
    found->pixel = whole ? s->pixel : s->channels;
    for (ptrdiff_t d = 0; d < side; d++) {
        bool outside = base[0] + d < 0 || base[0] + d >= s->extent[0];
        for (ptrdiff_t h = 0; h < side; h++) {
            bool empty = outside || base[1] + h < 0 || base[1] + h >= s->extent[1];
            *next++ = empty ? s->zeros : corner + d * slab + h * row;
        }
    }
    if (whole) return;
    for (ptrdiff_t i = 0; i < side * side; i++) {
        if (found->rows[i] == s->zeros) continue;
        float *copy = s->edge + i * side * s->channels;
        memset(copy, 0, sizeof(float) * (size_t)(side * s->channels));
        for (ptrdiff_t w = from; w < to; w++)
            memcpy(
                copy + w * s->channels, found->rows[i] + w * s->pixel, sizeof(float) * (size_t)s->channels);
        found->rows[i] = copy;
    }
}

// The input of a convolution; `scratch` holds a row of zeros and the rows of a cube.
static cube_source input_source(const segcpu_winograd *g, ptrdiff_t sample, float *scratch) {
    ptrdiff_t zeros = g->form.points * g->x_pixel;
    memset(scratch, 0, sizeof(float) * (size_t)zeros);
    return (cube_source){g->x + sample * g->x_sample, g->in, g->x_pixel, g->channels, scratch, scratch + zeros};
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
    int pair, const float *products, ptrdiff_t step) {
    output_kernel transform = output_kernels(g->form)[pair];
    for (ptrdiff_t i = 0; i < count; i++) {
        ptrdiff_t start[3];
        cube_start(g, first + i, start);
        cube_output output = {
            .row = g->out[2] * g->y_pixel, .slab = g->out[1] * g->out[2] * g->y_pixel, .pixel = g->y_pixel,
            .bias = g->bias ? g->bias + from : NULL, .overwrite = !g->accumulate};
        output.y = g->y + sample * g->y_sample + start[0] * output.slab + start[1] * output.row
            + start[2] * output.pixel + from;
        for (int a = 0; a < 3; a++) output.size[a] = smaller(g->form.outputs, g->out[a] - start[a]);
        for (ptrdiff_t c = 0; c < to - from; c += LANES)
            transform(products + i * (to - from) + c, step, &output, c);
    }
}

static void winograd_cubes(
    const segcpu_winograd *g, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from, ptrdiff_t to,
    float *scratch) {
    ptrdiff_t matrices = 2 * g->form.points * g->form.points;
    ptrdiff_t in_step = g->block * g->channels + WINOGRAD_GAP, out_step = g->block * (to - from) + WINOGRAD_GAP;
    float *inputs = scratch, *products = inputs + matrices * in_step;
    cube_source source = input_source(g, sample, products + matrices * out_step);
    int pairs = g->form.points / 2;
    for (int i = 0; i < pairs; i++) {
        int pair = (i + 1) % pairs;
        transform_inputs(g, &source, first, count, pair, inputs, in_step);
        const float *weights = g->weights + pair * matrices * g->channels * g->out_channels;
        for (ptrdiff_t m = 0; m < matrices; m++, weights += g->channels * g->out_channels)
            for (ptrdiff_t o = from; o < to; o += 2 * LANES) {
                int vectors = to - o >= 2 * LANES ? 2 : 1;
                gemm_operands product = {
                    .a = inputs + m * in_step, .a_step = g->channels, .b = weights + o * g->channels,
                    .b_step = vectors * LANES, .depth = g->channels, .c = products + m * out_step + o - from, .c_row = to - from};
                gemm_panel(vectors, count, false, product);
            }
        write_outputs(g, sample, first, count, from, to, pair, products, out_step);
    }
}
