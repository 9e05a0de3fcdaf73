// Winograd convolutions on channels-last volumes. At stride 1: the forward pass, the data gradient as a forward pass
// with flipped weights, and the weight gradient; kernels are 3³ or 5³. At stride 2, by phases: the forward pass, the
// transposed convolution, which is the data gradient, and the weight gradient; kernels are 3³. The number of input
// channels is a multiple of 16, and so is the number of output channels of a weight gradient.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// A cube of `outputs` outputs per axis is computed from a cube of `points` inputs per axis. (points, outputs) is (4, 2)
// or (6, 4) for 3 taps, and (6, 2) or (8, 4) for 5 taps. By phases, (points, outputs) is (7, 3). For the transposed
// convolution by phases it is (7, 6), and a cube has only 4 inputs per axis.
typedef struct {
    int points, outputs;
} segcpu_winograd_form;

static inline bool segcpu_winograd_by_phases(segcpu_winograd_form form) { return form.points == 7; }

// The number of taps per axis.
static inline int segcpu_winograd_taps(segcpu_winograd_form form) {
    return segcpu_winograd_by_phases(form) ? 3 : form.points - form.outputs + 1;
}

// The number of matrices of transformed weights.
static inline ptrdiff_t segcpu_winograd_matrices(segcpu_winograd_form form) {
    return segcpu_winograd_by_phases(form) ? 5 * 5 * 5 : (ptrdiff_t)form.points * form.points * form.points;
}

typedef struct {
    segcpu_winograd_form form;
    const float *x;  // first channel
    ptrdiff_t in[3]; // size
    ptrdiff_t channels;
    ptrdiff_t x_pixel; // floats from pixel to pixel
    ptrdiff_t x_sample;
    float *y;          // the output; for the weight gradient, the output's gradient, which is only read
    const float *bias; // or NULL
    ptrdiff_t out[3];
    ptrdiff_t out_channels;
    ptrdiff_t y_pixel;
    ptrdiff_t y_sample;
    ptrdiff_t low[3];    // input index that the first tap of output 0 reads: minus the padding; transposed by phases, 0
    ptrdiff_t counts[3]; // number of cubes along each axis
    ptrdiff_t block;     // maximum number of cubes computed together
    const float *weights; // transformed
    bool accumulate;
    bool transforms_all; // whether the transformed inputs of all pairs of points are kept: fewer reads, but more cache
} segcpu_winograd;

// The number of floats from one matrix to the next, for transformed weights and for the sums of their gradient. A gap
// keeps the matrices from using the same sets of the cache.
static inline ptrdiff_t segcpu_winograd_step(const segcpu_winograd *conv) {
    return conv->channels * ((conv->out_channels + 15) / 16 * 16) + 16;
}

// The number of floats of scratch memory for the kernel `winograd_cubes` or `phase_cubes`, given the number of output
// channels.
size_t segcpu_winograd_scratch(const segcpu_winograd *conv, ptrdiff_t out_channels);

// Computes `count` cubes from number `first` on, for output channels from ..< to; both are multiples of
// segcpu_winograd_panel, or `to` is the number of channels.
typedef void segcpu_winograd_cubes_kernel(
    const segcpu_winograd *conv, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from, ptrdiff_t to,
    float *scratch);

// As segcpu_winograd_cubes_kernel, but by phases, for a padding of 1.
typedef segcpu_winograd_cubes_kernel segcpu_phase_cubes_kernel;

// The number of output channels in one panel of transformed weights.
ptrdiff_t segcpu_winograd_panel(void);

// Transforms the weights of input channels from ..< to: weights[i * out_stride + c * in_stride + tap] of output channel
// i, taps in PyTorch's order, or flipped along all three axes.
typedef void segcpu_winograd_transform_weights_kernel(
    const segcpu_winograd *conv, const float *weights, ptrdiff_t out_stride, ptrdiff_t in_stride, bool flipped,
    ptrdiff_t from, ptrdiff_t to, float *transformed);

// The number of floats of scratch memory for the kernel `winograd_gradient_cubes` or `phase_gradient_cubes`, given the
// number of output channels.
size_t segcpu_winograd_gradient_scratch(const segcpu_winograd *conv, ptrdiff_t out_channels);

// Computes the weight gradient's sums over `count` cubes from number `first` on, for output channels from ..< to, and
// for one of the form.points / 2 pairs of points along d. The sums are added to sums[matrix][input channel][output
// channel], or overwrite it.
typedef void segcpu_winograd_gradient_cubes_kernel(
    const segcpu_winograd *conv, int pair, ptrdiff_t sample, ptrdiff_t first, ptrdiff_t count, ptrdiff_t from,
    ptrdiff_t to, bool overwrite, float *sums, float *scratch);

// As segcpu_winograd_gradient_cubes_kernel, but by phases, for one of the 5 points of the weights along d.
typedef segcpu_winograd_gradient_cubes_kernel segcpu_phase_gradient_cubes_kernel;

// Sums `parts` sums in order and transforms them to the gradient of input channels from ..< to, [out][in][taps].
typedef void segcpu_winograd_gradient_taps_kernel(
    const segcpu_winograd *conv, const float *sums, ptrdiff_t parts, ptrdiff_t from, ptrdiff_t to, float *gradient,
    bool accumulate);
