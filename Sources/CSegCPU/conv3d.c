// The part of the direct convolutions that is the same for every instruction set.
#include "segcpu_kernels.h"

#include <string.h>

#include "sizes.h"

size_t segcpu_conv3d_scratch(const segcpu_conv3d *g) {
    // A block of pixels may reach past the last row of the last plane.
    ptrdiff_t row = g->input.step[1] * g->input.step[2] * g->input.rows[2];
    return (size_t)(g->block * g->input.plane + 8 * row + CONV3D_SLACK);
}

void segcpu_conv3d_pack_weights(
    const float *weights, ptrdiff_t out_stride, ptrdiff_t in_stride, const int32_t *taps, ptrdiff_t tap_count,
    ptrdiff_t channels, ptrdiff_t count, ptrdiff_t panel, float *packed) {
    // A block has few channels, so the cache lines of all the panel's rows stay in the cache while the taps of the
    // block are read.
    enum { BLOCK = 16 };
    for (ptrdiff_t c0 = 0; c0 < channels; c0 += BLOCK) {
        ptrdiff_t c1 = smaller(c0 + BLOCK, channels);
        for (ptrdiff_t c = c0; c < c1; c++)
            for (ptrdiff_t t = 0; t < tap_count; t++) {
                const float *source = weights + c * in_stride + taps[t];
                float *out = packed + (c * tap_count + t) * panel;
                for (ptrdiff_t i = 0; i < count; i++) out[i] = source[i * out_stride];
                for (ptrdiff_t i = count; i < panel; i++) out[i] = 0;
            }
    }
}

size_t segcpu_conv3d_gradient_scratch(const segcpu_conv3d_gradient *g) {
    const segcpu_conv3d_input *in = &g->input;
    ptrdiff_t lines = g->tile[0] * g->tile[1], pixels = lines * g->tile[2];
    if (g->form == SEGCPU_GRADIENT_PIXELS) {
        ptrdiff_t upstream = g->out_channels * lines * round_up(g->tile[2], segcpu_kernels()->vec_lanes);
        return (size_t)(in->channels * in->plane + CONV3D_SLACK + upstream);
    }
    ptrdiff_t floats = in->rows[0] * in->rows[1] * in->rows[2] * in->channels + pixels * g->vectors;
    if (g->form == SEGCPU_GRADIENT_UNFOLDED) floats += pixels * g->runs * g->run;
    return (size_t)(floats + 3 * CONV3D_SLACK);
}

size_t segcpu_conv3d_gradient_count(const segcpu_conv3d_gradient *g) {
    switch (g->form) {
    case SEGCPU_GRADIENT_PIXELS: return (size_t)(g->out_channels * g->runs);
    case SEGCPU_GRADIENT_UNFOLDED: return (size_t)(g->scalars * g->vectors);
    case SEGCPU_GRADIENT_TAPS: break;
    }
    return (size_t)(g->runs * g->scalars * g->vectors);
}

void segcpu_conv3d_gradient_sum(
    const segcpu_conv3d_gradient *g, ptrdiff_t taps, const float *partial, ptrdiff_t parts, ptrdiff_t first,
    ptrdiff_t end, ptrdiff_t from, ptrdiff_t to, float *gw, bool accumulate) {
    // The strides of an element in a partial sum.
    bool pixels = g->form == SEGCPU_GRADIENT_PIXELS;
    ptrdiff_t by_out = pixels ? g->runs : 1, by_in = pixels ? taps : g->vectors;
    ptrdiff_t by_tap = g->scalars * g->vectors;
    if (pixels) by_tap = 1;
    if (g->form == SEGCPU_GRADIENT_UNFOLDED) by_tap = g->input.channels * g->vectors;
    ptrdiff_t size = (ptrdiff_t)segcpu_conv3d_gradient_count(g);
    // The sums of some taps, transposed so that reads and writes are both sequential in memory.
    enum { TAPS = 64, OUTPUTS = 16 };
    float sums[TAPS][OUTPUTS];
    for (ptrdiff_t o0 = first; o0 < end; o0 += OUTPUTS) {
        ptrdiff_t outputs = smaller(OUTPUTS, end - o0);
        for (ptrdiff_t c = from; c < to; c++)
            for (ptrdiff_t t0 = 0; t0 < taps; t0 += TAPS) {
                ptrdiff_t count = smaller(TAPS, taps - t0);
                for (ptrdiff_t t = 0; t < count; t++) {
                    const float *source = partial + c * by_in + (t0 + t) * by_tap + o0 * by_out;
                    for (ptrdiff_t o = 0; o < outputs; o++) sums[t][o] = source[o * by_out];
                    for (ptrdiff_t part = 1; part < parts; part++)
                        for (ptrdiff_t o = 0; o < outputs; o++) sums[t][o] += source[part * size + o * by_out];
                }
                for (ptrdiff_t o = 0; o < outputs; o++) {
                    float *out = gw + ((o0 + o) * g->input.channels + c) * taps + t0;
                    if (accumulate)
                        for (ptrdiff_t t = 0; t < count; t++) out[t] += sums[t][o];
                    else
                        for (ptrdiff_t t = 0; t < count; t++) out[t] = sums[t][o];
                }
            }
    }
}

// The kernel taps from ..< to of one axis, those whose input index base + k * dilation lies in 0 ..< extent.
static void inside(
    ptrdiff_t base, ptrdiff_t dilation, ptrdiff_t extent, ptrdiff_t kernel, ptrdiff_t *from, ptrdiff_t *to) {
    *from = base >= 0 ? 0 : smaller(kernel, (-base + dilation - 1) / dilation);
    *to = base >= extent ? 0 : smaller(kernel, (extent - base + dilation - 1) / dilation);
    *to = larger(*to, *from);
}

void segcpu_unfold3d_rows(const segcpu_unfold3d *u, ptrdiff_t first, ptrdiff_t count, ptrdiff_t channels, float *rows) {
    ptrdiff_t taps = u->kernel[0] * u->kernel[1] * u->kernel[2];
    for (ptrdiff_t i = 0; i < count; i++, rows += channels * taps) {
        ptrdiff_t rest = first + i, at[3], base[3], from[3], to[3];
        for (int a = 2; a >= 0; a--) {
            at[a] = rest % u->out[a];
            rest /= u->out[a];
            base[a] = at[a] * u->stride[a] - u->padding[a];
            inside(base[a], u->dilation[a], u->in[a], u->kernel[a], &from[a], &to[a]);
        }
        const float *x = u->x + rest * u->x_sample;
        // Whether the taps of a row are neighbours in the input's memory.
        bool runs = channels == 1 && u->x_pixel == 1 && u->dilation[2] == 1;
        memset(rows, 0, sizeof(float) * (size_t)(channels * taps));
        for (ptrdiff_t d = from[0]; d < to[0]; d++)
            for (ptrdiff_t h = from[1]; h < to[1]; h++) {
                ptrdiff_t id = base[0] + d * u->dilation[0], ih = base[1] + h * u->dilation[1];
                const float *line = x + (id * u->in[1] + ih) * u->in[2] * u->x_pixel;
                float *out = rows + (d * u->kernel[1] + h) * u->kernel[2];
                if (runs) {
                    memcpy(out + from[2], line + base[2] + from[2], sizeof(float) * (size_t)(to[2] - from[2]));
                    continue;
                }
                for (ptrdiff_t w = from[2]; w < to[2]; w++) {
                    const float *pixel = line + (base[2] + w * u->dilation[2]) * u->x_pixel;
                    for (ptrdiff_t c = 0; c < channels; c++) out[w + c * taps] = pixel[c];
                }
            }
    }
}
