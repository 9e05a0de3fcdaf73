// Direct 3-D convolutions of channels-last volumes: forward and transposed as one gather, and the weight gradient.
//
// The geometry is a gather by phases. On every axis, output j of a phase reads, for each tap, the input at j * step +
// delta and is written at output index origin + j * out_step. A convolution has one phase, with step = stride and delta
// = k * dilation - padding. A transposed convolution of stride s has s_d * s_h * s_w phases, with step = 1 and out_step
// = stride; each phase has the taps that contribute to it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    ptrdiff_t origin[3];    // first output of the phase
    ptrdiff_t count[3];     // number of its outputs on each axis
    const int32_t *offsets; // for each tap, the offset that output 0 reads in a packed tile
    ptrdiff_t taps;
    ptrdiff_t run;        // number of consecutive taps that read neighbouring inputs; 1 if there are none
    const float *weights; // packed: [panel][channel][tap][panel width]
} segcpu_conv3d_phase;

// An input, and a tile of the input that is packed with zeros around it.
typedef struct {
    const float *x;     // first channel of the group
    ptrdiff_t in[3];    // size
    ptrdiff_t channels; // number in the group
    ptrdiff_t pixel;    // floats from pixel to pixel
    ptrdiff_t sample;   // floats from sample to sample
    ptrdiff_t step[3];
    ptrdiff_t low[3];  // minimum delta of any tap
    ptrdiff_t rows[3]; // size of the packed tile; in planes, the width counts one residue modulo step
    ptrdiff_t plane;   // floats of one packed channel; 0 if the tile is packed channels-last
} segcpu_conv3d_input;

typedef struct {
    segcpu_conv3d_input input;
    float *y;          // first channel of the group
    const float *bias; // bias of the group, or NULL
    ptrdiff_t out[3];
    ptrdiff_t out_channels;
    ptrdiff_t y_pixel;
    ptrdiff_t y_sample;
    ptrdiff_t out_step[3];
    ptrdiff_t tile[3]; // outputs of a phase in one tile
    ptrdiff_t block;   // input channels packed at a time
    ptrdiff_t panel;   // output channels in a panel of weights; for 1 to 4, vectors hold pixels
    const segcpu_conv3d_phase *phases;
    ptrdiff_t phase_count;
    bool accumulate;
} segcpu_conv3d;

// The number of floats of scratch memory that the kernel `conv3d_tile` needs.
size_t segcpu_conv3d_scratch(const segcpu_conv3d *conv);

// Computes a tile for panels first ..< end of the output channels. `start` is the tile's first output of every phase.
typedef void segcpu_conv3d_tile_kernel(
    const segcpu_conv3d *conv, ptrdiff_t sample, const ptrdiff_t start[3], ptrdiff_t first, ptrdiff_t end,
    float *scratch);

// Packs one panel of one phase: packed[c][t][i] = weights[i * out_stride + c * in_stride + taps[t]], 0 for i >= count.
void segcpu_conv3d_pack_weights(
    const float *weights, ptrdiff_t out_stride, ptrdiff_t in_stride, const int32_t *taps, ptrdiff_t tap_count,
    ptrdiff_t channels, ptrdiff_t count, ptrdiff_t panel, float *packed);

// The form of the products of a weight gradient.
typedef enum {
    // For each tap, input channels are broadcast and a vector holds output channels.
    SEGCPU_GRADIENT_TAPS,
    // The taps of a pixel are first copied side by side and then broadcast together; for few input channels.
    SEGCPU_GRADIENT_UNFOLDED,
    // A vector holds pixels; for at most four output channels.
    SEGCPU_GRADIENT_PIXELS,
} segcpu_gradient_form;

// The weight gradient: sums over pixels of x (shifted by a tap) times dy.
typedef struct {
    segcpu_conv3d_input input;
    const float *dy;
    ptrdiff_t out[3];
    ptrdiff_t out_channels;
    ptrdiff_t dy_pixel;
    ptrdiff_t dy_sample;
    ptrdiff_t tile[3];
    segcpu_gradient_form form;
    const int32_t *offsets; // for each run, the offset that output 0 reads in the packed input tile
    ptrdiff_t runs; // TAPS: number of taps; UNFOLDED: of runs of contiguous taps; PIXELS: of taps times input channels
    ptrdiff_t run;  // floats of a run
    ptrdiff_t side; // number of consecutive taps that read neighbouring inputs of a row; 1 if there are none
    ptrdiff_t scalars; // number of scalars of the broadcast factor, padded to the size that the kernels write
    ptrdiff_t vectors; // number of lanes of the factor in vectors, padded to whole vectors
} segcpu_conv3d_gradient;

// Sets `scalars` and `vectors` from the other fields.
typedef void segcpu_conv3d_gradient_layout_kernel(segcpu_conv3d_gradient *gradient);

// The number of floats of scratch memory that the kernel `conv3d_gradient_tile` needs.
size_t segcpu_conv3d_gradient_scratch(const segcpu_conv3d_gradient *gradient);

// Adds a tile's sums for runs first_run ..< end_run and vector lanes first ..< end to partial[run][scalar][vector], or
// in the form SEGCPU_GRADIENT_PIXELS to partial[output channel][run]. With `overwrite` the sums replace the contents.
typedef void segcpu_conv3d_gradient_tile_kernel(
    const segcpu_conv3d_gradient *gradient, ptrdiff_t sample, const ptrdiff_t start[3], ptrdiff_t first_run,
    ptrdiff_t end_run, ptrdiff_t first, ptrdiff_t end, bool overwrite, float *partial, float *scratch);

// The number of floats of one partial sum.
size_t segcpu_conv3d_gradient_count(const segcpu_conv3d_gradient *gradient);

// Sums `parts` partial sums in order, for output channels first ..< end and input channels from ..< to: gw[o][c][t],
// taps t in PyTorch's order.
void segcpu_conv3d_gradient_sum(
    const segcpu_conv3d_gradient *gradient, ptrdiff_t taps, const float *partial, ptrdiff_t parts, ptrdiff_t first,
    ptrdiff_t end, ptrdiff_t from, ptrdiff_t to, float *gw, bool accumulate);

// Writes rows first ..< first + count of the unfolded input, [row][channel][tap]: the matrix of a convolution as a
// product. Rows are output pixels, numbered over all samples; taps are in the order of PyTorch's weights.
typedef struct {
    const float *x;
    ptrdiff_t in[3];
    ptrdiff_t x_pixel;
    ptrdiff_t x_sample;
    ptrdiff_t out[3];
    ptrdiff_t kernel[3];
    ptrdiff_t stride[3];
    ptrdiff_t padding[3];
    ptrdiff_t dilation[3];
} segcpu_unfold3d;

void segcpu_unfold3d_rows(
    const segcpu_unfold3d *unfold, ptrdiff_t first, ptrdiff_t count, ptrdiff_t channels, float *rows);
