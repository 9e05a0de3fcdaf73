// The convolution kernels for avx2.
#if defined(__x86_64__)
#define LANES 8
#define ACCUMULATORS 12
#define KERNELS conv3d_kernels_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#include "conv3d_vector.h"
#include "conv3d_direct.h"
#include "conv3d_gradient.h"
#include "gemm_block.h"
#include "matrix_product.h"
#include "winograd_transform.h"
#include "winograd_forward.h"
#include "winograd_weights.h"
#include "winograd_gradient.h"
#include "conv3d_table.h"
#pragma clang attribute pop
#endif
