// Pooling of channels-last volumes; see segcpu_pool.h.
#pragma once

#include "segcpu_pool.h"

#include "simd.h"

typedef struct {
    ptrdiff_t begin, end;
} interval;

// The input positions along an axis that the window of an output covers.
INLINE interval window(const segcpu_pool *p, int axis, ptrdiff_t output) {
    ptrdiff_t begin = output * p->stride[axis] - p->padding[axis], end = begin + p->kernel[axis];
    return (interval){begin > 0 ? begin : 0, end < p->input[axis] ? end : p->input[axis]};
}

// The outputs along an axis whose windows cover an input position.
INLINE interval windows_over(const segcpu_pool *p, int axis, ptrdiff_t input) {
    ptrdiff_t reach = input + p->padding[axis], before = reach - p->kernel[axis];
    ptrdiff_t begin = before < 0 ? 0 : before / p->stride[axis] + 1, end = reach / p->stride[axis] + 1;
    return (interval){begin, end < p->output[axis] ? end : p->output[axis]};
}

INLINE void max_pool_vector(
    const segcpu_pool *p, const float *x, interval ds, interval hs, interval ws, size_t lanes, float *y,
    int32_t *indices) {
    vf most = (vf)(-__builtin_inff());
    vi where = (vi)(int32_t)((ds.begin * p->input[1] + hs.begin) * p->input[2] + ws.begin);
    for (ptrdiff_t d = ds.begin; d < ds.end; d++)
        for (ptrdiff_t h = hs.begin; h < hs.end; h++)
            for (ptrdiff_t w = ws.begin; w < ws.end; w++) {
                ptrdiff_t at = (d * p->input[1] + h) * p->input[2] + w;
                vf v = load_part(x + at * (ptrdiff_t)p->channels, lanes);
                // NaN is larger than anything, as in PyTorch.
                vi larger = (v > most) | (v != v);
                most = larger ? v : most;
                where = larger ? (vi)(int32_t)at : where;
            }
    store_part(y, most, lanes);
    store_part((float *)indices, (vf)where, lanes);
}

static void max_pool_row(
    const segcpu_pool *pool, const float *x, ptrdiff_t d, ptrdiff_t h, float *y, int32_t *indices) {
    interval ds = window(pool, 0, d), hs = window(pool, 1, h);
    for (ptrdiff_t w = 0; w < pool->output[2]; w++) {
        interval ws = window(pool, 2, w);
        size_t c = 0;
        for (; c + LANES <= pool->channels; c += LANES)
            max_pool_vector(pool, x + c, ds, hs, ws, LANES, y + c, indices + c);
        if (c < pool->channels) max_pool_vector(pool, x + c, ds, hs, ws, pool->channels - c, y + c, indices + c);
        y += pool->channels;
        indices += pool->channels;
    }
}

INLINE void max_pool_gradient_vector(
    const segcpu_pool *p, const float *upstream, const int32_t *indices, interval ds, interval hs, interval ws,
    ptrdiff_t own, size_t lanes, float *gx, bool accumulate) {
    vf sum = accumulate ? load_part(gx, lanes) : (vf)0.0f;
    for (ptrdiff_t d = ds.begin; d < ds.end; d++)
        for (ptrdiff_t h = hs.begin; h < hs.end; h++)
            for (ptrdiff_t w = ws.begin; w < ws.end; w++) {
                ptrdiff_t at = ((d * p->output[1] + h) * p->output[2] + w) * (ptrdiff_t)p->channels;
                vi where = load_integers_part(indices + at, lanes, -1);
                vf g = load_part(upstream + at, lanes);
                sum += where == (int32_t)own ? g : (vf)0.0f;
            }
    store_part(gx, sum, lanes);
}

static void max_pool_gradient_row(
    const segcpu_pool *pool, const float *upstream, const int32_t *indices, ptrdiff_t d, ptrdiff_t h, float *gx,
    bool accumulate) {
    interval ds = windows_over(pool, 0, d), hs = windows_over(pool, 1, h);
    for (ptrdiff_t w = 0; w < pool->input[2]; w++, gx += pool->channels) {
        interval ws = windows_over(pool, 2, w);
        ptrdiff_t own = (d * pool->input[1] + h) * pool->input[2] + w;
        size_t c = 0;
        for (; c + LANES <= pool->channels; c += LANES)
            max_pool_gradient_vector(pool, upstream + c, indices + c, ds, hs, ws, own, LANES, gx + c, accumulate);
        if (c < pool->channels)
            max_pool_gradient_vector(
                pool, upstream + c, indices + c, ds, hs, ws, own, pool->channels - c, gx + c, accumulate);
    }
}
