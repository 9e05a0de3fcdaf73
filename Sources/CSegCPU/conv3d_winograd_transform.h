// The one-dimensional transforms of Winograd's convolutions.
//
// Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks": F(m, r) computes m outputs of a filter of r
// taps from m + r - 1 = a inputs with as many products, y = A' ((G w) * (B' x)). The points are 0, infinity and pairs
// of opposite points: ±1 for a = 4, ±5/8 and ±3/2 for a = 6, and ±1, ±2 and ±1/2 for a = 8. B' depends on the points
// alone, so F(4, 3) and F(2, 5) have the same B'. The two points of a pair share their even and odd part. The functions
// below compute a pair at a time; the first pair is (0, infinity).
//
// The points determine the growth of rounding errors (Barabasz, Anderson, Soodhalter and Gregg 2018, "Error Analysis
// and Improving the Accuracy of Winograd Convolution for Deep Neural Networks"). Of all pairs, these minimise the sum
// over points of (|column of A'| |row of G| |row of B'|)^2, to within one percent. Their powers and products in the
// code below are exact in f32. Kernels/conv3d/conv3d_winograd.cl uses the same points.
#pragma once

#include "simd.h"

enum { MOST_POINTS = 8, MOST_PAIRS = 4, MOST_OUTPUTS = 4, MOST_TAPS = 5 };

// The positive point of a pair other than (0, infinity).
INLINE float pair_point(const int points, const int pair) {
    if (points == 4) return 1;
    if (points == 6) return pair == 1 ? 0.625f : 1.5f;
    return pair == 1 ? 1 : pair == 2 ? 2 : 0.5f;
}

// A pair's positive point to the power `exponent`, the index of an output or of a tap. There are at most five outputs
// and five taps.
INLINE float pair_power(const int points, const int pair, const int exponent) {
    const float point = pair_point(points, pair), square = point * point;
    const float even = exponent < 2 ? 1 : exponent < 4 ? square : square * square;
    return exponent % 2 ? even * point : even;
}

// Computes the two rows of B' x of a pair, from `points` inputs.
INLINE void input_pair(const int points, const int pair, const vec *x, vec *first, vec *second) {
    if (points == 4 && pair == 0) {
        *first = x[0] - x[2];
        *second = x[1] - x[3];
    } else if (points == 4) {
        *first = x[1] + x[2];
        *second = x[2] - x[1];
    } else if (points == 6 && pair == 0) {
        // The squares of both pairs are the roots of t^2 - sum t + product.
        const float one = pair_power(points, 1, 2), other = pair_power(points, 2, 2);
        *first = one * other * x[0] + (x[4] - (one + other) * x[2]);
        *second = one * other * x[1] + (x[5] - (one + other) * x[3]);
    } else if (points == 6) {
        const float other = pair_power(points, 3 - pair, 2);
        vec even = x[4] - other * x[2];
        vec odd = pair_point(points, pair) * (x[3] - other * x[1]);
        *first = even + odd;
        *second = even - odd;
    } else if (pair == 0) {
        *first = x[0] - x[6] + 5.25f * (x[4] - x[2]);
        *second = x[7] - x[1] + 5.25f * (x[3] - x[5]);
    } else {
        // The other two pairs' squares are the roots of t^2 - sum t + product.
        const float sum = pair == 1 ? 4.25f : pair == 2 ? 1.25f : 5, product = pair == 1 ? 1 : pair == 2 ? 0.25f : 4;
        vec even = product * x[2] + (x[6] - sum * x[4]);
        vec odd = pair_point(points, pair) * (product * x[1] + (x[5] - sum * x[3]));
        *first = even + odd;
        *second = even - odd;
    }
}

// B' x in the order of the pairs.
INLINE void input_transform(const int points, const vec *x, vec *out) {
#pragma clang loop unroll(full)
    for (int pair = 0; pair < points / 2; pair++) input_pair(points, pair, x, out + 2 * pair, out + 2 * pair + 1);
}

// A' p: computes `outputs` outputs from the products in the order of the pairs.
INLINE void output_transform(const int points, const int outputs, const vec *p, vec *out) {
    vec even[MOST_PAIRS], odd[MOST_PAIRS];
#pragma clang loop unroll(full)
    for (int pair = 1; pair < points / 2; pair++) {
        even[pair] = p[2 * pair] + p[2 * pair + 1];
        odd[pair] = p[2 * pair] - p[2 * pair + 1];
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < outputs; j++) {
        vec sum = pair_power(points, 1, j) * (j % 2 ? odd[1] : even[1]);
#pragma clang loop unroll(full)
        for (int pair = 2; pair < points / 2; pair++)
            sum += pair_power(points, pair, j) * (j % 2 ? odd[pair] : even[pair]);
        if (j == 0) sum += p[0];
        if (j == outputs - 1) sum += p[1];
        out[j] = sum;
    }
}

// A dy, the transpose of output_transform: computes the gradient of each product from the gradients of the outputs.
INLINE void output_adjoint(const int points, const int outputs, const vec *dy, vec *out) {
    out[0] = dy[0];
    out[1] = dy[outputs - 1];
#pragma clang loop unroll(full)
    for (int pair = 1; pair < points / 2; pair++) {
        vec even = 0, odd = 0;
#pragma clang loop unroll(full)
        for (int j = 0; j < outputs; j++)
            if (j % 2) odd += pair_power(points, pair, j) * dy[j];
            else even += pair_power(points, pair, j) * dy[j];
        out[2 * pair] = even + odd;
        out[2 * pair + 1] = even - odd;
    }
}

// The factor of a pair's rows of G: 1 divided by the product of the distances from the pair's point to all other finite
// points.
INLINE float filter_factor(const int points, const int pair) {
    if (points == 4) return 0.5f;
    if (points == 8) return pair == 1 ? -2.f / 9 : pair == 2 ? 1.f / 90 : 32.f / 45;
    const double square = pair_power(points, pair, 2), other = pair_power(points, 3 - pair, 2);
    return (float)(1 / (2 * square * (square - other)));
}

// The factor of the row of G of the point 0, without its sign. A negative sign (a = 4 and a = 8) is in the row of B'.
INLINE float zero_factor(const int points) {
    return points == 6 ? (float)(1 / ((double)pair_power(points, 1, 2) * pair_power(points, 2, 2))) : 1;
}

// G w in the order of the pairs, from `taps` taps.
INLINE void filter_transform(const int points, const int taps, const vec *w, vec *out) {
    out[0] = zero_factor(points) * w[0];
    out[1] = w[taps - 1];
    if (points == 4) out[1] = -out[1];
#pragma clang loop unroll(full)
    for (int pair = 1; pair < points / 2; pair++) {
        vec even = 0, odd = 0;
#pragma clang loop unroll(full)
        for (int k = 0; k < taps; k++)
            if (k % 2) odd += filter_factor(points, pair) * pair_power(points, pair, k) * w[k];
            else even += filter_factor(points, pair) * pair_power(points, pair, k) * w[k];
        out[2 * pair] = even + odd;
        out[2 * pair + 1] = even - odd;
    }
}

// G' g, the transpose of filter_transform: computes the gradients of the taps from the gradients of the products.
INLINE void filter_adjoint(const int points, const int taps, const vec *g, vec *out) {
    vec even[MOST_PAIRS], odd[MOST_PAIRS];
#pragma clang loop unroll(full)
    for (int pair = 1; pair < points / 2; pair++) {
        even[pair] = filter_factor(points, pair) * (g[2 * pair] + g[2 * pair + 1]);
        odd[pair] = filter_factor(points, pair) * (g[2 * pair] - g[2 * pair + 1]);
    }
#pragma clang loop unroll(full)
    for (int k = 0; k < taps; k++) {
        vec sum = pair_power(points, 1, k) * (k % 2 ? odd[1] : even[1]);
#pragma clang loop unroll(full)
        for (int pair = 2; pair < points / 2; pair++)
            sum += pair_power(points, pair, k) * (k % 2 ? odd[pair] : even[pair]);
        if (k == 0) sum += zero_factor(points) * g[0];
        if (k == taps - 1) sum += points == 4 ? -g[1] : g[1];
        out[k] = sum;
    }
}
