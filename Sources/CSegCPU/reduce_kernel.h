// Sums and maxima; see segcpu_reduce.h.
#pragma once

#include "segcpu_reduce.h"

#include "elementwise_kernel.h"

// A sum of up to BLOCK elements stays in floats, lane by lane, before it is added to a double; TILE elements are
// processed together.
enum { TILE = 1024, BLOCK = 8 * TILE };

// Adds floats to doubles and clears the floats. This keeps long sums accurate.
INLINE void fold(float *narrow, double *wide, size_t count) {
    for (size_t i = 0; i < count; i += LANES) {
        vd total;
        memcpy(&total, wide + i, sizeof total);
        total += __builtin_convertvector(load(narrow + i), vd);
        memcpy(wide + i, &total, sizeof total);
        store(narrow + i, (vf)0.0f);
    }
}

// The larger of two numbers; NaN if either is NaN.
INLINE float larger_or_nan(float a, float b) { return a != a || a > b ? a : b; }

static void column_sums(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *wide, double *sums) {
    memset(scratch, 0, period * sizeof *scratch);
    memset(wide, 0, period * sizeof *wide);
    size_t rows = count / period, block = BLOCK / period ? BLOCK / period : 1;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < period; i += LANES) store(scratch + i, load(scratch + i) + load(x + row * period + i));
        if (row % block + 1 == block || row + 1 == rows) fold(scratch, wide, period);
    }
    for (size_t i = rows * period; i < count; i++) wide[i - rows * period] += x[i];
    for (size_t c = 0; c < channels; c++) {
        sums[c] = 0;
        for (size_t i = c; i < period; i += channels) sums[c] += wide[i];
    }
}

static void column_maxima(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *maxima) {
    for (size_t i = 0; i < period; i++) scratch[i] = -__builtin_inff();
    size_t rows = count / period;
    for (size_t row = 0; row < rows; row++, x += period)
        for (size_t i = 0; i < period; i += LANES)
            store(scratch + i, binary_value(SEGCPU_MAXIMUM, load(scratch + i), load(x + i)));
    for (size_t i = 0; i < count - rows * period; i++) scratch[i] = larger_or_nan(scratch[i], x[i]);
    for (size_t c = 0; c < channels; c++) {
        float most = scratch[c];
        for (size_t i = c + channels; i < period; i += channels) most = larger_or_nan(most, scratch[i]);
        maxima[c] = most;
    }
}

// Reduces one contiguous column in vectors.
INLINE double reduce_run(int op, const float *x, size_t n) {
    if (op == SEGCPU_MAX) {
        vf most = (vf)(-__builtin_inff());
        for (size_t i = 0; i < n; i += LANES) {
            size_t lanes = least(LANES, n - i);
            most = binary_value(SEGCPU_MAXIMUM, most, keep_lanes(load_part(x + i, lanes), lanes, -__builtin_inff()));
        }
        float each[LANES], result = -__builtin_inff();
        store(each, most);
        for (int i = 0; i < LANES; i++) result = larger_or_nan(result, each[i]);
        return result;
    }
    double total = 0;
    for (size_t begin = 0; begin < n; begin += TILE) {
        vf sum = (vf)0.0f;
        size_t end = least(begin + TILE, n);
        for (size_t i = begin; i < end; i += LANES) sum += load_part(x + i, least(LANES, end - i));
        total += horizontal_sum(sum);
    }
    return total;
}

static void reduce(int op, const float *x, size_t n, size_t stride, size_t width, double *out) {
    if (width == 1 && stride == 1) {
        *out = reduce_run(op, x, n);
        return;
    }
    for (size_t i = 0; i < width; i++) out[i] = op == SEGCPU_MAX ? -__builtin_inf() : 0;
    for (size_t row = 0; row < n; row++, x += stride)
        if (op == SEGCPU_MAX)
            for (size_t i = 0; i < width; i++) out[i] = larger_or_nan((float)out[i], x[i]);
        else
            for (size_t i = 0; i < width; i++) out[i] += x[i];
}
