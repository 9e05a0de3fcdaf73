// The packing of channels-last rows and tiles.
#pragma once

#include "segcpu_conv3d.h"

#include "simd.h"
#include "sizes.h"

#if VEC_LANES == 16
#define ROUNDS 4
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif VEC_LANES == 8
#define ROUNDS 3
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#else
#define ROUNDS 2
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 4, 1, 5)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 2, 6, 3, 7)
#endif

// Transposes a square of VEC_LANES x VEC_LANES floats by rounds of a perfect shuffle.
INLINE void transpose_square(const float *source, ptrdiff_t step, float *out, ptrdiff_t out_step) {
    vec a[VEC_LANES], b[VEC_LANES];
#pragma clang loop unroll(full)
    for (int i = 0; i < VEC_LANES; i++) a[i] = load_vec(source + i * step);
#pragma clang loop unroll(full)
    for (int round = 0; round < ROUNDS; round++) {
#pragma clang loop unroll(full)
        for (int i = 0; i < VEC_LANES / 2; i++) {
            b[2 * i] = LOW_HALVES(a[i], a[i + VEC_LANES / 2]);
            b[2 * i + 1] = HIGH_HALVES(a[i], a[i + VEC_LANES / 2]);
        }
#pragma clang loop unroll(full)
        for (int i = 0; i < VEC_LANES; i++) a[i] = b[i];
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < VEC_LANES; i++) store_vec(out + i * out_step, a[i]);
}

// out[c * plane + i] = source[i * step + c] for n pixels.
static void pack_row(
    const float *source, ptrdiff_t step, ptrdiff_t n, ptrdiff_t channels, float *out, ptrdiff_t plane) {
    if (n < VEC_LANES || channels < VEC_LANES) {
        for (ptrdiff_t c = 0; c < channels; c++)
            for (ptrdiff_t i = 0; i < n; i++) out[c * plane + i] = source[i * step + c];
        return;
    }
    // The last square of a row or column overlaps the one before it.
    for (ptrdiff_t c = 0; c < channels; c += VEC_LANES) {
        ptrdiff_t c0 = smaller(c, channels - VEC_LANES);
        for (ptrdiff_t i = 0; i < n; i += VEC_LANES) {
            ptrdiff_t i0 = smaller(i, n - VEC_LANES);
            transpose_square(source + i0 * step + c0, step, out + c0 * plane + i0, plane);
        }
    }
}

// Packs input channels first ..< first + count of the tile at `start`, one plane per channel, with zeros around the
// tile.
static void pack_planes(
    const segcpu_conv3d_input *g, ptrdiff_t sample, const ptrdiff_t start[3], ptrdiff_t first, ptrdiff_t count,
    float *packed) {
    const float *x = g->x + sample * g->sample;
    ptrdiff_t base[3];
    for (int a = 0; a < 3; a++) base[a] = start[a] * g->step[a] + g->low[a];
    ptrdiff_t residues = g->step[2], length = g->rows[2];
    for (ptrdiff_t d = 0; d < g->rows[0]; d++)
        for (ptrdiff_t h = 0; h < g->rows[1]; h++) {
            float *row = packed + (d * g->rows[1] + h) * residues * length;
            ptrdiff_t id = base[0] + d, ih = base[1] + h;
            if (id < 0 || id >= g->in[0] || ih < 0 || ih >= g->in[1]) {
                for (ptrdiff_t c = 0; c < count; c++)
                    memset(row + c * g->plane, 0, sizeof(float) * (size_t)(residues * length));
                continue;
            }
            const float *line = x + (id * g->in[1] + ih) * g->in[2] * g->pixel + first;
            for (ptrdiff_t r = 0; r < residues; r++, row += length) {
                // The pixels from ..< to of this residue lie inside the volume.
                ptrdiff_t column = base[2] + r;
                ptrdiff_t from = column >= 0 ? 0 : smaller(length, (-column + residues - 1) / residues);
                ptrdiff_t inside = g->in[2] - column;
                ptrdiff_t to = inside <= 0 ? 0 : smaller(length, (inside + residues - 1) / residues);
                to = larger(to, from);
                for (ptrdiff_t c = 0; c < count; c++) {
                    float *p = row + c * g->plane;
                    for (ptrdiff_t i = 0; i < from; i++) p[i] = 0;
                    for (ptrdiff_t i = to; i < length; i++) p[i] = 0;
                }
                if (to > from)
                    pack_row(
                        line + (column + from * residues) * g->pixel, residues * g->pixel, to - from, count, row + from,
                        g->plane);
            }
        }
}
