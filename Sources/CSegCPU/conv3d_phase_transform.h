// The transforms of convolutions of three taps per axis and stride 2, and of their transposes, by phases.
//
// An output y[j] = w0 x[2j] + w1 x[2j + 1] + w2 x[2j + 2] is the sum of two convolutions: one of two taps over the even
// inputs, which F(3, 2) computes with 4 products for 3 outputs, and one of a single tap over the odd inputs. That is 7
// products on an axis, and 343 for the 27 outputs of a cube, for which a direct convolution needs 729. The transposed
// convolution has the same two phases in its outputs: from x[0 ..< 4], the 3 even outputs are w1 x[j] and the 3 odd
// ones w2 x[j] + w0 x[j + 1].
//
// Points 0 ..< 4 of an axis are the points of F(3, 2), in the order of conv3d_winograd_transform.h; points 4 ..< 7 are
// plain inputs. The plain inputs share their weights, so the weights have 5 points on an axis.
#pragma once

#include "conv3d_winograd_transform.h"

enum { PHASE_OUTPUTS = 3, PHASE_POINTS = 7, PHASE_WEIGHTS = 5, PLAIN = 4, PHASE_PLANE = PHASE_POINTS * PHASE_POINTS };

// The number of inputs of a cube on an axis.
INLINE int phase_inputs(const bool transposed) { return transposed ? 4 : 7; }

// The number of outputs of a cube on an axis.
INLINE int phase_outputs(const bool transposed) { return transposed ? 6 : 3; }

// Computes all points from the inputs.
INLINE void phase_input(const bool transposed, const vec *x, vec *out) {
    vec even[4];
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++) even[i] = x[transposed ? i : 2 * i];
    input_transform(4, even, out);
#pragma clang loop unroll(full)
    for (int i = 0; i < PHASE_OUTPUTS; i++) out[PLAIN + i] = x[transposed ? i : 2 * i + 1];
}

// Computes the outputs from the products of all points.
INLINE void phase_output(const bool transposed, const vec *p, vec *out) {
    vec sum[PHASE_OUTPUTS];
    output_transform(4, PHASE_OUTPUTS, p, sum);
#pragma clang loop unroll(full)
    for (int j = 0; j < PHASE_OUTPUTS; j++)
        if (transposed) {
            out[2 * j] = p[PLAIN + j];
            out[2 * j + 1] = sum[j];
        } else out[j] = sum[j] + p[PLAIN + j];
}

// The transpose of phase_output for a convolution: computes the gradient of each product from the gradients of the
// outputs.
INLINE void phase_adjoint(const vec *dy, vec *out) {
    output_adjoint(4, PHASE_OUTPUTS, dy, out);
#pragma clang loop unroll(full)
    for (int j = 0; j < PHASE_OUTPUTS; j++) out[PLAIN + j] = dy[j];
}

// Computes the weights' points from three taps.
INLINE void phase_filter(const vec *w, vec *out) {
    const vec even[2] = {w[0], w[2]};
    filter_transform(4, 2, even, out);
    out[PLAIN] = w[1];
}

// The transpose of phase_filter.
INLINE void phase_filter_adjoint(const vec *g, vec *out) {
    vec even[2];
    filter_adjoint(4, 2, g, even);
    out[0] = even[0];
    out[1] = g[PLAIN];
    out[2] = even[1];
}

// The coefficient of each point of F(3, 2) in the outputs of an axis.
static const float phase_share[PLAIN][PHASE_OUTPUTS] = {{1, 0, 0}, {0, 0, 1}, {1, 1, 1}, {1, -1, 1}};
