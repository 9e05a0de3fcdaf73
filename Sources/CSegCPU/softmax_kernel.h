// Softmax; see segcpu_softmax.h.
//
// With few channels, sixteen rows are processed side by side, one row per lane, so vectors are full for any C. With
// many channels, vectors run along the row.
#pragma once

#include "segcpu_softmax.h"

#include "simd.h"

enum { FEW = 32 };

// Transposes sixteen rows of `channels` to [channels, 16]; missing rows repeat the last one.
INLINE void gather_rows(const float *x, size_t rows, size_t channels, float *t) {
    if (rows == LANES && channels == 2) {
        vf a = load(x), b = load(x + LANES);
        store(t, __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30));
        store(t + LANES, __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31));
        return;
    }
    for (size_t lane = 0; lane < LANES; lane++) {
        const float *row = x + least(lane, rows - 1) * channels;
        for (size_t c = 0; c < channels; c++) t[c * LANES + lane] = row[c];
    }
}

// Transposes [channels, 16] back to rows, which are written or added.
INLINE void scatter_rows(const float *t, float *y, bool accumulate, size_t rows, size_t channels) {
    if (rows == LANES && channels == 2) {
        vf a = load(t), b = load(t + LANES);
        vf low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        vf high = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        store(y, accumulate ? low + load(y) : low);
        store(y + LANES, accumulate ? high + load(y + LANES) : high);
        return;
    }
    for (size_t lane = 0; lane < rows; lane++)
        for (size_t c = 0; c < channels; c++) {
            float *out = y + lane * channels + c;
            *out = accumulate ? *out + t[c * LANES + lane] : t[c * LANES + lane];
        }
}

// Turns [channels, 16] logits into probabilities; returns the maxima, and the sums of the exponentials.
INLINE vf softmax_lanes(float *t, size_t channels, vf *sum) {
    vf most = load(t);
    for (size_t c = 1; c < channels; c++) most = maximum(load(t + c * LANES), most);
    *sum = (vf)0.0f;
    for (size_t c = 0; c < channels; c++) {
        vf e = exponential(load(t + c * LANES) - most);
        *sum += e;
        store(t + c * LANES, e);
    }
    vf factor = 1.0f / *sum;
    for (size_t c = 0; c < channels; c++) store(t + c * LANES, load(t + c * LANES) * factor);
    return most;
}

INLINE float row_maximum(const float *x, size_t n) {
    vf most = (vf)(-__builtin_inff());
    for (size_t c = 0; c < n; c += LANES) {
        size_t lanes = least(LANES, n - c);
        most = maximum(keep_lanes(load_part(x + c, lanes), lanes, -__builtin_inff()), most);
    }
    return horizontal_max(most);
}

// y = e^(x - most); returns the sum. y may be x.
INLINE float row_exponentials(const float *x, float *y, size_t n, float most) {
    vf sum = (vf)0.0f;
    for (size_t c = 0; c < n; c += LANES) {
        size_t lanes = least(LANES, n - c);
        vf e = keep_lanes(exponential(load_part(x + c, lanes) - most), lanes, 0.0f);
        sum += e;
        store_part(y + c, e, lanes);
    }
    return horizontal_sum(sum);
}

static void softmax(const float *x, float *y, size_t rows, size_t channels, float *scratch) {
    vf sum;
    if (channels <= FEW) {
        for (size_t row = 0; row < rows; row += LANES) {
            size_t n = least(LANES, rows - row);
            gather_rows(x + row * channels, n, channels, scratch);
            softmax_lanes(scratch, channels, &sum);
            scatter_rows(scratch, y + row * channels, false, n, channels);
        }
        return;
    }
    for (size_t row = 0; row < rows; row++, x += channels, y += channels) {
        float factor = 1 / row_exponentials(x, y, channels, row_maximum(x, channels));
        for (size_t c = 0; c < channels; c++) y[c] *= factor;
    }
}

static void softmax_gradient(
    const float *y, const float *upstream, float *gx, bool accumulate, size_t rows, size_t channels, float *scratch) {
    if (channels <= FEW) {
        float *p = scratch, *g = scratch + channels * LANES;
        for (size_t row = 0; row < rows; row += LANES) {
            size_t n = least(LANES, rows - row), at = row * channels;
            gather_rows(y + at, n, channels, p);
            gather_rows(upstream + at, n, channels, g);
            vf dot = (vf)0.0f;
            for (size_t c = 0; c < channels; c++) dot += load(p + c * LANES) * load(g + c * LANES);
            for (size_t c = 0; c < channels; c++)
                store(g + c * LANES, load(p + c * LANES) * (load(g + c * LANES) - dot));
            scatter_rows(g, gx + at, accumulate, n, channels);
        }
        return;
    }
    for (size_t row = 0; row < rows; row++, y += channels, upstream += channels, gx += channels) {
        vf sum = (vf)0.0f;
        for (size_t c = 0; c < channels; c += LANES) {
            size_t lanes = least(LANES, channels - c);
            sum += load_part(y + c, lanes) * load_part(upstream + c, lanes);
        }
        float dot = horizontal_sum(sum);
        for (size_t c = 0; c < channels; c++) {
            float own = y[c] * (upstream[c] - dot);
            gx[c] = accumulate ? gx[c] + own : own;
        }
    }
}
