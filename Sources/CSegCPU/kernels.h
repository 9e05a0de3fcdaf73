// All kernels and their table. Each kernels_*.c includes this file once, for its instruction set.
//
// The including file defines KERNELS, the name of its table; VEC_LANES, the floats in a vector register; and
// ACCUMULATORS, the number of registers that hold sums. The remaining registers hold factors.
#include "segcpu_kernels.h"

#include "attention_kernel.h"
#include "conv3d_direct_kernel.h"
#include "conv3d_gradient_kernel.h"
#include "conv3d_phase_gradient_kernel.h"
#include "conv3d_phase_kernel.h"
#include "conv3d_winograd_gradient_kernel.h"
#include "conv3d_winograd_kernel.h"
#include "conv3d_winograd_weights_kernel.h"
#include "dice_ce_loss_kernel.h"
#include "dropout_kernel.h"
#include "elementwise_kernel.h"
#include "focal_loss_kernel.h"
#include "matmul_kernel.h"
#include "memory_kernel.h"
#include "norm_kernel.h"
#include "norm_layer_kernel.h"
#include "optimizer_kernel.h"
#include "pool_kernel.h"
#include "precision_kernel.h"
#include "reduce_kernel.h"
#include "resample_kernel.h"
#include "softmax_kernel.h"
#include "window_kernel.h"

const segcpu_kernel_table KERNELS = {
    .vec_lanes = VEC_LANES,
#define ENTRY(name) .name = name,
    SEGCPU_EACH_KERNEL(ENTRY)
#undef ENTRY
};
