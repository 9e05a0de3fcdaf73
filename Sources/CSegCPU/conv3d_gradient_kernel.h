// The weight gradient of a tile.
//
// A micro-kernel keeps scalars x vectors sums in registers over all pixels of the tile: a scalar is an input channel of
// one tap, and a vector holds output channels. If there are few input channels, the input is unfolded first, so that
// all taps of a pixel are contiguous. If there are few output channels, a vector holds pixels; see
// conv3d_gradient_pixels.h.
#pragma once

#include "conv3d_gradient_pixels.h"

typedef struct {
    const float *data;
    ptrdiff_t pixel, row, slab; // floats from one to the next
} gradient_factor;

typedef void (*gradient_kernel)(
    gradient_factor a, gradient_factor b, const ptrdiff_t size[3], bool overwrite, float *out, ptrdiff_t step);

INLINE void gradient_block(
    const int vectors, const int scalars, gradient_factor a, gradient_factor b, const ptrdiff_t size[3], bool overwrite,
    float *out, ptrdiff_t step) {
    vec sum[scalars][vectors];
#pragma clang loop unroll(full)
    for (int s = 0; s < scalars; s++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) sum[s][v] = 0;
    for (ptrdiff_t d = 0; d < size[0]; d++)
        for (ptrdiff_t h = 0; h < size[1]; h++) {
            const float *p = a.data + d * a.slab + h * a.row;
            const float *q = b.data + d * b.slab + h * b.row;
#pragma clang loop unroll(disable)
            for (ptrdiff_t w = 0; w < size[2]; w++, p += a.pixel, q += b.pixel) {
                vec value[vectors];
#pragma clang loop unroll(full)
                for (int v = 0; v < vectors; v++) value[v] = load_vec(q + v * VEC_LANES);
#pragma clang loop unroll(full)
                for (int s = 0; s < scalars; s++)
#pragma clang loop unroll(full)
                    for (int v = 0; v < vectors; v++) sum[s][v] += p[s] * value[v];
            }
        }
#pragma clang loop unroll(full)
    for (int s = 0; s < scalars; s++)
#pragma clang loop unroll(full)
        for (int v = 0; v < vectors; v++) {
            float *o = out + s * step + v * VEC_LANES;
            store_vec(o, overwrite ? sum[s][v] : load_vec(o) + sum[s][v]);
        }
}

// clang-format off
#define EACH_GRADIENT_BLOCK(X) \
    X(2, 1) X(2, 2) X(2, 3) X(2, 4) X(2, 6) X(2, 8) X(2, 10) X(2, 12) X(2, 14) \
    X(1, 1) X(1, 2) X(1, 3) X(1, 4) X(1, 6) X(1, 8) X(1, 12) X(1, 16) X(1, 20) X(1, 24) X(1, 28)
// clang-format on

#define DEFINE_GRADIENT_BLOCK(V, S)                                                                                    \
    static void gradient_block_##V##_##S(                                                                              \
        gradient_factor a, gradient_factor b, const ptrdiff_t size[3], bool overwrite, float *out, ptrdiff_t step) {   \
        gradient_block(V, S, a, b, size, overwrite, out, step);                                                        \
    }
EACH_GRADIENT_BLOCK(DEFINE_GRADIENT_BLOCK)

typedef struct {
    int vectors, scalars;
    gradient_kernel run;
} gradient_choice;

#define LIST_GRADIENT_BLOCK(V, S) {V, S, gradient_block_##V##_##S},
static const gradient_choice gradient_choices[] = {EACH_GRADIENT_BLOCK(LIST_GRADIENT_BLOCK)};

// The block with this number of vectors that covers `scalars` in the minimum estimated time.
static gradient_choice choose_gradient_block(int vectors, ptrdiff_t scalars) {
    gradient_choice best = {0};
    double least = 0;
    for (size_t i = 0; i < COUNT(gradient_choices); i++) {
        gradient_choice k = gradient_choices[i];
        if (k.vectors != vectors || (k.scalars * vectors > ACCUMULATORS && k.scalars > 1)) continue;
        double blocks = (double)((scalars + k.scalars - 1) / k.scalars);
        double time = larger(larger(k.scalars * vectors, k.scalars + vectors), 8) + 2;
        if (best.run && blocks * time >= least) continue;
        least = blocks * time;
        best = k;
    }
    return best;
}

static ptrdiff_t scalar_count(const segcpu_conv3d_gradient *g) {
    return g->form == SEGCPU_GRADIENT_UNFOLDED ? g->runs * g->run : g->input.channels;
}

static ptrdiff_t padded_scalars(ptrdiff_t scalars, int vectors) {
    return round_up(scalars, choose_gradient_block(vectors, scalars).scalars);
}

static void conv3d_gradient_layout(segcpu_conv3d_gradient *g) {
    ptrdiff_t scalars = scalar_count(g);
    g->scalars = larger(padded_scalars(scalars, 1), padded_scalars(scalars, 2));
    g->vectors = round_up(g->out_channels, VEC_LANES);
}

// The input of a tile with zeros around it, channels last.
static void pack_input(const segcpu_conv3d_input *g, const float *x, const ptrdiff_t start[3], float *packed) {
    ptrdiff_t base[3], c = g->channels;
    for (int a = 0; a < 3; a++) base[a] = start[a] * g->step[a] + g->low[a];
    ptrdiff_t from = smaller(larger(-base[2], 0), g->rows[2]);
    ptrdiff_t to = larger(smaller(g->in[2] - base[2], g->rows[2]), from);
    for (ptrdiff_t d = 0; d < g->rows[0]; d++)
        for (ptrdiff_t h = 0; h < g->rows[1]; h++) {
            float *row = packed + (d * g->rows[1] + h) * g->rows[2] * c;
            ptrdiff_t id = base[0] + d, ih = base[1] + h;
            if (id < 0 || id >= g->in[0] || ih < 0 || ih >= g->in[1] || from == to) {
                memset(row, 0, sizeof(float) * (size_t)(g->rows[2] * c));
                continue;
            }
            memset(row, 0, sizeof(float) * (size_t)(from * c));
            memset(row + to * c, 0, sizeof(float) * (size_t)((g->rows[2] - to) * c));
            const float *line = x + ((id * g->in[1] + ih) * g->in[2] + base[2] + from) * g->pixel;
            if (g->pixel == c) {
                memcpy(row + from * c, line, sizeof(float) * (size_t)((to - from) * c));
                continue;
            }
            for (ptrdiff_t i = from; i < to; i++)
                memcpy(row + i * c, line + (i - from) * g->pixel, sizeof(float) * (size_t)c);
        }
}

// Writes all runs of each pixel side by side. A run is copied in whole vectors, and the next run overwrites the excess.
static void unfold_input(
    const segcpu_conv3d_gradient *g, const float *packed, const ptrdiff_t size[3], float *unfolded) {
    ptrdiff_t row = g->input.step[1] * g->input.rows[2] * g->input.channels;
    ptrdiff_t slab = g->input.step[0] * g->input.rows[1] * g->input.rows[2] * g->input.channels;
    for (ptrdiff_t d = 0; d < size[0]; d++)
        for (ptrdiff_t h = 0; h < size[1]; h++)
            for (ptrdiff_t w = 0; w < size[2]; w++, unfolded += g->runs * g->run) {
                const float *source = packed + d * slab + h * row + w * g->input.step[2] * g->input.channels;
                float *out = unfolded;
                for (ptrdiff_t r = 0; r < g->runs; r++, out += g->run)
                    for (ptrdiff_t i = 0; i < g->run; i += VEC_LANES)
                        store_vec(out + i, load_vec(source + g->offsets[r] + i));
            }
}

static void pack_upstream(
    const segcpu_conv3d_gradient *g, const float *dy, const ptrdiff_t size[3], float *packed, ptrdiff_t pixel) {
    for (ptrdiff_t d = 0; d < size[0]; d++)
        for (ptrdiff_t h = 0; h < size[1]; h++)
            for (ptrdiff_t w = 0; w < size[2]; w++, packed += pixel) {
                const float *source = dy + ((d * g->out[1] + h) * g->out[2] + w) * g->dy_pixel;
                for (ptrdiff_t i = 0; i < g->out_channels; i++) packed[i] = source[i];
                for (ptrdiff_t i = g->out_channels; i < pixel; i++) packed[i] = 0;
            }
}

// partial[scalar][lane] += sum over pixels of a[scalar] * b[lane], for lanes first ..< end.
static void multiply_factors(
    const segcpu_conv3d_gradient *g, gradient_factor a, gradient_factor b, const ptrdiff_t size[3], ptrdiff_t first,
    ptrdiff_t end, bool overwrite, float *partial) {
    ptrdiff_t scalars = scalar_count(g);
    for (ptrdiff_t lane = first; lane < end;) {
        int vectors = end - lane >= 2 * VEC_LANES ? 2 : 1;
        gradient_choice choice = choose_gradient_block(vectors, scalars);
        gradient_factor part = b;
        part.data += lane;
        for (ptrdiff_t s = 0; s < scalars; s += choice.scalars) {
            gradient_factor from = a;
            from.data += s;
            choice.run(from, part, size, overwrite, partial + s * g->vectors + lane, g->vectors);
        }
        lane += vectors * VEC_LANES;
    }
}

// gradient_block for one vector and `taps` neighbouring taps. Each input is loaded once for all taps, and the sums of
// two taps are `run_step` floats apart. A window of upstream values slides along the row.
INLINE void run_gradient_block(
    const int taps, const int scalars, gradient_factor a, gradient_factor b, const ptrdiff_t size[3], bool overwrite,
    float *out, ptrdiff_t step, ptrdiff_t run_step) {
    vec sum[taps][scalars];
#pragma clang loop unroll(full)
    for (int k = 0; k < taps; k++)
#pragma clang loop unroll(full)
        for (int s = 0; s < scalars; s++) sum[k][s] = 0;
    for (ptrdiff_t d = 0; d < size[0]; d++)
        for (ptrdiff_t h = 0; h < size[1]; h++) {
            const float *p = a.data + d * a.slab + h * a.row;
            const float *q = b.data + d * b.slab + h * b.row;
            vec window[taps];
#pragma clang loop unroll(full)
            for (int k = 0; k < taps; k++) window[k] = 0;
#pragma clang loop unroll(disable)
            for (ptrdiff_t w = 0; w < size[2] + taps - 1; w++, p += a.pixel) {
#pragma clang loop unroll(full)
                for (int k = taps - 1; k > 0; k--) window[k] = window[k - 1];
                window[0] = w < size[2] ? load_vec(q + w * b.pixel) : (vec)0;
#pragma clang loop unroll(full)
                for (int s = 0; s < scalars; s++) {
                    vec value = p[s];
#pragma clang loop unroll(full)
                    for (int k = 0; k < taps; k++) sum[k][s] += value * window[k];
                }
            }
        }
#pragma clang loop unroll(full)
    for (int k = 0; k < taps; k++)
#pragma clang loop unroll(full)
        for (int s = 0; s < scalars; s++) {
            float *o = out + k * run_step + s * step;
            store_vec(o, overwrite ? sum[k][s] : load_vec(o) + sum[k][s]);
        }
}

// The number of input channels in one run_gradient_block, with 3 taps and with 5 taps.
#if ACCUMULATORS >= 24
enum { RUN_3_SCALARS = 8, RUN_5_SCALARS = 4 };
#else
enum { RUN_3_SCALARS = 4, RUN_5_SCALARS = 2 };
#endif

static void run_gradient_3(
    gradient_factor a, gradient_factor b, const ptrdiff_t size[3], bool overwrite, float *out, ptrdiff_t step,
    ptrdiff_t run_step) {
    run_gradient_block(3, RUN_3_SCALARS, a, b, size, overwrite, out, step, run_step);
}

static void run_gradient_5(
    gradient_factor a, gradient_factor b, const ptrdiff_t size[3], bool overwrite, float *out, ptrdiff_t step,
    ptrdiff_t run_step) {
    run_gradient_block(5, RUN_5_SCALARS, a, b, size, overwrite, out, step, run_step);
}

// Whether taps use run_gradient_block, which is faster if rows are much longer than a run.
static bool multiplies_runs(const segcpu_conv3d_gradient *g, ptrdiff_t width) {
    if (width < 4 * g->side) return false;
    return (g->side == 3 && g->input.channels % RUN_3_SCALARS == 0)
        || (g->side == 5 && g->input.channels % RUN_5_SCALARS == 0);
}

static void multiply_run(
    const segcpu_conv3d_gradient *g, gradient_factor a, gradient_factor b, const ptrdiff_t size[3], ptrdiff_t first,
    ptrdiff_t end, bool overwrite, float *partial) {
    ptrdiff_t scalars = g->side == 3 ? RUN_3_SCALARS : RUN_5_SCALARS;
    for (ptrdiff_t lane = first; lane < end; lane += VEC_LANES)
        for (ptrdiff_t s = 0; s < g->input.channels; s += scalars) {
            gradient_factor from = a, part = b;
            from.data += s;
            part.data += lane;
            (g->side == 3 ? run_gradient_3 : run_gradient_5)(
                from, part, size, overwrite, partial + s * g->vectors + lane, g->vectors, g->scalars * g->vectors);
        }
}

// Computes a tile in the forms whose vectors hold output channels.
static void gradient_by_channels(
    const segcpu_conv3d_gradient *g, ptrdiff_t sample, const ptrdiff_t start[3], const ptrdiff_t size[3],
    ptrdiff_t first_run, ptrdiff_t end_run, ptrdiff_t first, ptrdiff_t end, bool overwrite, float *partial,
    float *scratch) {
    const segcpu_conv3d_input *in = &g->input;
    ptrdiff_t c = in->channels, pixels = g->tile[0] * g->tile[1] * g->tile[2];
    float *second = scratch + in->rows[0] * in->rows[1] * in->rows[2] * c + CONV3D_SLACK;
    pack_input(in, in->x + sample * in->sample, start, scratch);

    const float *dy =
        g->dy + sample * g->dy_sample + ((start[0] * g->out[1] + start[1]) * g->out[2] + start[2]) * g->dy_pixel;
    gradient_factor upstream = {dy, g->dy_pixel, g->out[2] * g->dy_pixel, g->out[1] * g->out[2] * g->dy_pixel};
    if (g->vectors != g->out_channels) {
        pack_upstream(g, dy, size, second, g->vectors);
        upstream = (gradient_factor){second, g->vectors, size[2] * g->vectors, size[1] * size[2] * g->vectors};
        second += pixels * g->vectors + CONV3D_SLACK;
    }
    if (g->form == SEGCPU_GRADIENT_UNFOLDED) {
        ptrdiff_t pixel = g->runs * g->run;
        unfold_input(g, scratch, size, second);
        gradient_factor inputs = {second, pixel, size[2] * pixel, size[1] * size[2] * pixel};
        multiply_factors(g, inputs, upstream, size, first, end, overwrite, partial);
        return;
    }
    gradient_factor inputs = {
        scratch, in->step[2] * c, in->step[1] * in->rows[2] * c, in->step[0] * in->rows[1] * in->rows[2] * c};
    bool runs = multiplies_runs(g, size[2]);
    for (ptrdiff_t r = first_run; r < end_run;) {
        gradient_factor tap = inputs;
        tap.data += g->offsets[r];
        float *out = partial + r * g->scalars * g->vectors;
        if (runs && r % g->side == 0 && r + g->side <= end_run) {
            multiply_run(g, tap, upstream, size, first, end, overwrite, out);
            r += g->side;
        } else {
            multiply_factors(g, tap, upstream, size, first, end, overwrite, out);
            r++;
        }
    }
}

static void conv3d_gradient_tile(
    const segcpu_conv3d_gradient *g, ptrdiff_t sample, const ptrdiff_t start[3], ptrdiff_t first_run, ptrdiff_t end_run,
    ptrdiff_t first, ptrdiff_t end, bool overwrite, float *partial, float *scratch) {
    ptrdiff_t size[3];
    for (int i = 0; i < 3; i++) size[i] = smaller(g->tile[i], g->out[i] - start[i]);
    if (g->form == SEGCPU_GRADIENT_PIXELS)
        gradient_by_pixels(g, sample, start, size, first_run, end_run, overwrite, partial, scratch);
    else gradient_by_channels(g, sample, start, size, first_run, end_run, first, end, overwrite, partial, scratch);
}
