// The kernels that are compiled once for each instruction set, and the choice between the compiled versions.
//
// The list below contains their names. The header of a family documents its kernels and declares their arguments, for
// the kernel `softmax` as the function type segcpu_softmax_kernel.
#pragma once

#include "segcpu_attention.h"
#include "segcpu_conv3d.h"
#include "segcpu_conv3d_winograd.h"
#include "segcpu_dice_ce_loss.h"
#include "segcpu_dropout.h"
#include "segcpu_elementwise.h"
#include "segcpu_focal_loss.h"
#include "segcpu_matmul.h"
#include "segcpu_memory.h"
#include "segcpu_norm.h"
#include "segcpu_optimizer.h"
#include "segcpu_pool.h"
#include "segcpu_precision.h"
#include "segcpu_reduce.h"
#include "segcpu_resample.h"
#include "segcpu_softmax.h"
#include "segcpu_window.h"

// Calls X with the name of each kernel.
// clang-format off
#define SEGCPU_EACH_KERNEL(X) \
    X(attention_scores) X(attention_gradient) X(scale_rows) X(row_dots) \
    X(conv3d_tile) X(conv3d_gradient_layout) X(conv3d_gradient_tile) \
    X(winograd_cubes) X(winograd_transform_weights) X(winograd_gradient_cubes) X(winograd_gradient_taps) \
    X(phase_cubes) X(phase_gradient_cubes) \
    X(dice_sums) X(dice_gradient) \
    X(dropout) X(dropout_multipliers) \
    X(binary) X(binary_rows) X(unary) X(cast) X(scale) \
    X(focal_sum) X(focal_gradient) \
    X(multiply) \
    X(copy_rows) X(add_rows) \
    X(norm_statistics) X(norm_forward) X(norm_sums) X(norm_gradient) \
    X(layer_statistics) X(layer_forward) X(layer_gradient) \
    X(adam) X(sgd) \
    X(max_pool_row) X(max_pool_gradient_row) \
    X(round_bf16) \
    X(column_sums) X(column_maxima) X(reduce) \
    X(resample_row) \
    X(softmax) X(softmax_gradient) \
    X(divide_rows) X(blend_rows)
// clang-format on

// The kernels for one instruction set.
typedef struct {
    int vec_lanes; // floats in a vector register, as used by the convolutions and matrix products
#define SEGCPU_FIELD(name) segcpu_##name##_kernel *_Nonnull name;
    SEGCPU_EACH_KERNEL(SEGCPU_FIELD)
#undef SEGCPU_FIELD
} segcpu_kernel_table;

extern const segcpu_kernel_table segcpu_kernels_portable;
#if defined(__x86_64__)
extern const segcpu_kernel_table segcpu_kernels_avx2, segcpu_kernels_avx512;
#endif

// The kernels for the instruction set in use; see segcpu_isa.h.
const segcpu_kernel_table *_Nonnull segcpu_kernels(void);
