// Direct 3-D convolutions of channels-last volumes: forward and transposed as one gather, and the weight gradient.
//
// Geometry is a gather by phases. Output index j of a phase reads, for each tap, input index j * step + delta along
// every axis, and lands at output index origin + j * out_step. A convolution has one phase, with step = stride and
// delta = k * dilation - padding; a transposed convolution of stride s has s_d * s_h * s_w phases, with step = 1 and
// out_step = stride, each with the taps that reach it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    ptrdiff_t origin[3];    // first output of the phase
    ptrdiff_t count[3];     // its outputs along each axis
    const int32_t *offsets; // for each tap, where output 0 reads inside a packed tile
    ptrdiff_t taps;
    ptrdiff_t run;        // so many consecutive taps read neighbouring inputs; 1 where none do
    const float *weights; // packed: [panel][channel][tap][panel width]
} segcpu_conv3d_phase;

// An input, and the tile of it that is packed with zeros around it.
typedef struct {
    const float *x;     // first channel of the group
    ptrdiff_t in[3];    // extents
    ptrdiff_t channels; // of the group
    ptrdiff_t pixel;    // floats from pixel to pixel
    ptrdiff_t sample;   // floats from sample to sample
    ptrdiff_t step[3];
    ptrdiff_t low[3];  // least delta of any tap
    ptrdiff_t rows[3]; // extents of the packed tile; in planes, the width is of one residue modulo step
    ptrdiff_t plane;   // floats of one packed channel; 0 where the tile is packed channels-last
} segcpu_conv3d_input;

typedef struct {
    segcpu_conv3d_input input;
    float *y;          // first channel of the group
    const float *bias; // of the group, or NULL
    ptrdiff_t out[3];
    ptrdiff_t out_channels;
    ptrdiff_t y_pixel;
    ptrdiff_t y_sample;
    ptrdiff_t out_step[3];
    ptrdiff_t tile[3]; // outputs of a phase in one tile
    ptrdiff_t block;   // input channels packed at a time
    ptrdiff_t panel;   // output channels in a panel of weights; 1 to 4 vectorises over pixels
    const segcpu_conv3d_phase *phases;
    ptrdiff_t phase_count;
    bool accumulate;
} segcpu_conv3d;

// Floats of scratch that the kernel `conv3d_tile` needs.
size_t segcpu_conv3d_scratch(const segcpu_conv3d *conv);

// Computes a tile, with its first output of every phase at `start`, for panels first ..< end of the output channels.
typedef void segcpu_conv3d_tile_kernel(
    const segcpu_conv3d *conv, ptrdiff_t sample, const ptrdiff_t start[3], ptrdiff_t first, ptrdiff_t end,
    float *scratch);

// Packs one panel of one phase: packed[c][t][i] = weights[i * out_stride + c * in_stride + taps[t]], 0 for i >= count.
void segcpu_conv3d_pack_weights(
    const float *weights, ptrdiff_t out_stride, ptrdiff_t in_stride, const int32_t *taps, ptrdiff_t tap_count,
    ptrdiff_t channels, ptrdiff_t count, ptrdiff_t panel, float *packed);

// How the products of a weight gradient are formed.
typedef enum {
    // For each tap, input channels are broadcast and output channels are the vector.
    SEGCPU_GRADIENT_TAPS,
    // The taps of a pixel are first copied side by side and then broadcast together: for few input channels.
    SEGCPU_GRADIENT_UNFOLDED,
    // Pixels are the vector: for at most four output channels.
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
    const int32_t *offsets; // for each run, where output 0 reads inside the packed input tile
    ptrdiff_t runs;         // taps; unfolded, runs of taps that lie side by side; over pixels, taps of every channel
    ptrdiff_t run;          // floats of a run
    ptrdiff_t side;         // so many consecutive taps read neighbouring inputs of a row; 1 where none do
    ptrdiff_t scalars;      // of the factor that is broadcast, padded to what the kernels write
    ptrdiff_t vectors;      // lanes of the other factor, padded to whole vectors
} segcpu_conv3d_gradient;

// Sets `scalars` and `vectors` from the other fields.
typedef void segcpu_conv3d_gradient_layout_kernel(segcpu_conv3d_gradient *gradient);

// Floats of scratch that the kernel `conv3d_gradient_tile` needs.
size_t segcpu_conv3d_gradient_scratch(const segcpu_conv3d_gradient *gradient);

// Adds a tile's sums for runs first_run ..< end_run and vector lanes first ..< end to partial[run][scalar][vector], or
// over pixels to partial[output channel][run]; `overwrite` sets them instead.
typedef void segcpu_conv3d_gradient_tile_kernel(
    const segcpu_conv3d_gradient *gradient, ptrdiff_t sample, const ptrdiff_t start[3], ptrdiff_t first_run,
    ptrdiff_t end_run, ptrdiff_t first, ptrdiff_t end, bool overwrite, float *partial, float *scratch);

// Floats of one partial sum.
size_t segcpu_conv3d_gradient_count(const segcpu_conv3d_gradient *gradient);

// Adds up `parts` partial sums in order, for output channels first ..< end and input channels from ..< to:
// gw[o][c][t], taps t in PyTorch's order.
void segcpu_conv3d_gradient_sum(
    const segcpu_conv3d_gradient *gradient, ptrdiff_t taps, const float *partial, ptrdiff_t parts, ptrdiff_t first,
    ptrdiff_t end, ptrdiff_t from, ptrdiff_t to, float *gw, bool accumulate);

// Rows first ..< first + count of the unfolded input, [row][channel][tap]: the matrix of a convolution as a product.
// Rows count output pixels of all samples; taps are laid out as in PyTorch's weights.
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
