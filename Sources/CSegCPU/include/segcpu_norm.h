// Normalisation, dropout and activation, fused: one pass over memory forward and one backward.
//
// Kernels that process runs of elements read arrays of one period, in which the parameters of the channels repeat. The
// period is a multiple of both 16 and C, so that vectors are full for any C. A run starts at an element of channel 0.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segcpu_dropout.h"

// z = (x - mean) rstd weight + bias; w = z keep (+ before); y = act(w) (+ after). The pointer of an absent part is
// NULL.
typedef struct {
    size_t period;
    const float *mean, *rstd, *weight, *bias; // [period], all NULL or none
    const float *keep;                        // [period] multipliers of channelwise dropout
    const float *slope;                       // [period], the activation's parameter
    int activation;                           // its number, as in activation.h
    const segcpu_dropout_rule *dropout;
} segcpu_norm;

// The mean and Σ (x - mean)² of each channel over the rows of a run. `scratch` holds 3 periods of floats, and `wide`
// holds 2 periods of doubles.
typedef void segcpu_norm_statistics_kernel(
    const float *x, size_t count, size_t channels, size_t period, float *scratch, double *wide, double *mean,
    double *m2);

// y may be x.
typedef void segcpu_norm_forward_kernel(
    const segcpu_norm *norm, const float *x, const float *before, const float *after, float *y, segcpu_run run);

// The first pass of the gradient. g2 is the gradient of w, and g0 = g2 keep. sums [3, channels] receives Σ g0, Σ g0 x̂
// and Σ of the slopes' gradients. If the pointer g2 is not NULL, g2 is written there, or added to the previous contents
// if add_g2 is set. Scratch: 3 periods each.
typedef void segcpu_norm_sums_kernel(
    const segcpu_norm *norm, const float *x, const float *upstream, const float *before, float *g2, bool add_g2,
    segcpu_run run, size_t channels, float *scratch, double *wide, double *sums);

// The second pass: gx = a g0 + b + c x̂, with a, b, c [period].
typedef void segcpu_norm_gradient_kernel(
    const segcpu_norm *norm, const float *a, const float *b, const float *c, const float *x, const float *upstream,
    const float *before, float *gx, bool accumulate, segcpu_run run);

// Layer normalisation: each row has its own statistics, and norm->weight, bias, keep and slope have one number per
// channel.
typedef void segcpu_layer_statistics_kernel(const float *x, size_t rows, size_t channels, float *mean, float *variance);

typedef void segcpu_layer_forward_kernel(
    const segcpu_norm *norm, const float *x, const float *mean, const float *variance, float epsilon,
    const float *before, const float *after, float *y, size_t rows, size_t channels, uint64_t element);

// The whole gradient; `sums` is the same as in the kernel `norm_sums`. Scratch: 5 channels.
typedef void segcpu_layer_gradient_kernel(
    const segcpu_norm *norm, const float *x, const float *mean, const float *variance, float epsilon,
    const float *upstream, const float *before, float *g2, float *gx, bool accumulate, size_t rows, size_t channels,
    uint64_t element, float *scratch, double *sums);
