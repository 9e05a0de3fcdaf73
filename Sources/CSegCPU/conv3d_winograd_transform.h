// The one-dimensional transforms of Winograd's convolutions.
//
// Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks": F(m, r) computes m outputs of a filter of r
// taps from a = m + r - 1 inputs with a products, y = A' ((G w) * (B' x)). The points are 0, 1, -1, infinity for a = 4,
// with 2, -2 for a = 6 and with 1/2, -1/2 for a = 8: B' depends on the points alone, so that F(4, 3) and F(2, 5) share
// it. Powers of two keep the rounding small, and a pair of opposite points shares its even and odd part. Pairs are the
// unit of work below: (0, infinity), (1, -1), (2, -2), (1/2, -1/2).
#pragma once

#include "simd.h"

enum { MOST_POINTS = 8, MOST_PAIRS = 4, MOST_OUTPUTS = 4, MOST_TAPS = 5 };

// Row `output` of A' at the first of a pair of opposite points: 1, 2 or 1/2 raised to the output's number.
INLINE float output_power(const int pair, const int output) {
    const float power = (float)(1 << output);
    return pair == 1 ? 1 : pair == 2 ? power : 1 / power;
}

// The two rows of B' x of a pair, from `points` inputs.
INLINE void input_pair(const int points, const int pair, const vec *x, vec *first, vec *second) {
    if (points == 4 && pair == 0) {
        *first = x[0] - x[2];
        *second = x[1] - x[3];
    } else if (points == 4) {
        *first = x[1] + x[2];
        *second = x[2] - x[1];
    } else if (points == 6 && pair == 0) {
        *first = 4 * x[0] + (x[4] - 5 * x[2]);
        *second = 4 * x[1] + (x[5] - 5 * x[3]);
    } else if (points == 6) {
        vec even = pair == 1 ? x[4] - 4 * x[2] : x[4] - x[2];
        vec odd = pair == 1 ? x[3] - 4 * x[1] : 2 * (x[3] - x[1]);
        *first = even + odd;
        *second = even - odd;
    } else if (pair == 0) {
        *first = x[0] - x[6] + 5.25f * (x[4] - x[2]);
        *second = x[7] - x[1] + 5.25f * (x[3] - x[5]);
    } else {
        // The other two pairs' squares are the roots of t^2 - sum t + product.
        const float sum = pair == 1 ? 4.25f : pair == 2 ? 1.25f : 5, product = pair == 1 ? 1 : pair == 2 ? 0.25f : 4;
        vec even = product * x[2] + (x[6] - sum * x[4]);
        vec odd = output_power(pair, 1) * (product * x[1] + (x[5] - sum * x[3]));
        *first = even + odd;
        *second = even - odd;
    }
}

// B' x in the order of the pairs.
INLINE void input_transform(const int points, const vec *x, vec *out) {
#pragma clang loop unroll(full)
    for (int pair = 0; pair < points / 2; pair++) input_pair(points, pair, x, out + 2 * pair, out + 2 * pair + 1);
}

// A' p: `outputs` outputs from the products in the order of the pairs.
INLINE void output_transform(const int points, const int outputs, const vec *p, vec *out) {
    vec even[MOST_PAIRS], odd[MOST_PAIRS];
#pragma clang loop unroll(full)
    for (int pair = 1; pair < points / 2; pair++) {
        even[pair] = p[2 * pair] + p[2 * pair + 1];
        odd[pair] = p[2 * pair] - p[2 * pair + 1];
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < outputs; j++) {
        vec sum = j % 2 ? odd[1] : even[1];
#pragma clang loop unroll(full)
        for (int pair = 2; pair < points / 2; pair++) sum += output_power(pair, j) * (j % 2 ? odd[pair] : even[pair]);
        if (j == 0) sum += p[0];
        if (j == outputs - 1) sum += p[1];
        out[j] = sum;
    }
}

// A dy, the transpose of output_transform: what each product takes from the gradients of the outputs.
INLINE void output_adjoint(const int points, const int outputs, const vec *dy, vec *out) {
    out[0] = dy[0];
    out[1] = dy[outputs - 1];
#pragma clang loop unroll(full)
    for (int pair = 1; pair < points / 2; pair++) {
        vec even = 0, odd = 0;
#pragma clang loop unroll(full)
        for (int j = 0; j < outputs; j++)
            if (j % 2) odd += output_power(pair, j) * dy[j];
            else even += output_power(pair, j) * dy[j];
        out[2 * pair] = even + odd;
        out[2 * pair + 1] = even - odd;
    }
}

// The factor of a pair's rows of G: 1 / the product of the point's distances to the other points.
INLINE float filter_factor(const int points, const int pair) {
    if (points == 4) return 0.5f;
    if (points == 6) return pair == 1 ? -1.f / 6 : 1.f / 24;
    return pair == 1 ? -2.f / 9 : pair == 2 ? 1.f / 90 : 32.f / 45;
}

// G w in the order of the pairs, from `taps` taps.
INLINE void filter_transform(const int points, const int taps, const vec *w, vec *out) {
    out[0] = points == 6 ? w[0] * 0.25f : w[0];
    out[1] = w[taps - 1];
    if (points == 4) out[1] = -out[1];
#pragma clang loop unroll(full)
    for (int pair = 1; pair < points / 2; pair++) {
        vec even = 0, odd = 0;
#pragma clang loop unroll(full)
        for (int k = 0; k < taps; k++)
            if (k % 2) odd += filter_factor(points, pair) * output_power(pair, k) * w[k];
            else even += filter_factor(points, pair) * output_power(pair, k) * w[k];
        out[2 * pair] = even + odd;
        out[2 * pair + 1] = even - odd;
    }
}

// G' g, the transpose of filter_transform: the gradients of the taps from those of the products.
INLINE void filter_adjoint(const int points, const int taps, const vec *g, vec *out) {
    vec even[MOST_PAIRS], odd[MOST_PAIRS];
#pragma clang loop unroll(full)
    for (int pair = 1; pair < points / 2; pair++) {
        even[pair] = filter_factor(points, pair) * (g[2 * pair] + g[2 * pair + 1]);
        odd[pair] = filter_factor(points, pair) * (g[2 * pair] - g[2 * pair + 1]);
    }
#pragma clang loop unroll(full)
    for (int k = 0; k < taps; k++) {
        vec sum = k % 2 ? odd[1] : even[1];
#pragma clang loop unroll(full)
        for (int pair = 2; pair < points / 2; pair++) sum += output_power(pair, k) * (k % 2 ? odd[pair] : even[pair]);
        if (k == 0) sum += points == 6 ? g[0] * 0.25f : g[0];
        if (k == taps - 1) sum += points == 4 ? -g[1] : g[1];
        out[k] = sum;
    }
}
